//! `alkhub graph`: which operations can follow each other, as text or as a drawing.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::args::Format;
use super::client::{Client, HubArgs};
use super::exit::{Exit, Failure};
use super::{End, output};

/// Most operations that are shown.
const SHOWN: usize = 2_000;

/// Flags of `graph`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  alkhub graph operations Project      what takes or gives a project
  alkhub graph successors project.list what can follow
  alkhub graph path uri Project        how to get from a URL to a project
  alkhub graph path uri Project --as mermaid")]
pub(super) struct GraphArgs {
    #[command(subcommand)]
    what: What,
    /// How to draw what leads to what
    #[arg(long = "as", value_enum, default_value = "text", global = true)]
    form: Form,
    #[command(flatten)]
    pub(super) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Mermaid,
    Dot,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Operations by the types that they take and give
    Operations {
        /// A type or format, such as `Project` or `uri`
        of: Option<String>,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// What can follow an operation, or be done with a type
    Successors {
        /// An operation or a type
        from: String,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// The shortest way from an operation or type to another
    Path {
        /// An operation or a type
        from: String,
        /// An operation or a type
        to: String,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// Operations that lead to each other
    Cycles {
        #[command(flatten)]
        hub: HubArgs,
    },
}

pub(super) async fn run(args: GraphArgs) -> End {
    let (form, json) = (args.form, args.format.json);
    match args.what {
        What::Operations { of, hub } => {
            let asked = of.map_or_else(|| json!({}), |of| json!({ "type": of }));
            let items = pages(&Client::new(hub)?, "graph.operations", asked).await?;
            if json {
                return shown(&json!(items));
            }
            let row = |item: &Value| {
                let names = |key: &str| {
                    item[key].as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(" ")
                };
                vec![text(&item["operationId"]), names("takes"), names("gives")]
            };
            let rows: Vec<_> = items.iter().map(row).collect();
            output::text(&output::table(&["OPERATION", "TAKES", "GIVES"], &rows))?;
        }
        What::Successors { from, hub } => {
            let items = pages(&Client::new(hub)?, "graph.successors", json!({ "from": from })).await?;
            if json {
                return shown(&json!(items));
            }
            let links: Vec<_> = items.iter().map(|item| (from.clone(), item)).collect();
            draw(&links, form)?;
        }
        What::Path { from, to, hub } => {
            let found = Client::new(hub)?.ask("graph.path", &json!({ "from": from, "to": to })).await?;
            if json {
                return shown(&found);
            }
            if found["found"] != true {
                return Err(Failure::new(Exit::NotFound, format!("nothing leads from {from} to {to}")));
            }
            let (mut links, mut before) = (Vec::new(), from.clone());
            for step in found["steps"].as_array().into_iter().flatten() {
                let id = text(&step["operationId"]);
                if id != from {
                    links.push((before, step));
                }
                before = id;
            }
            draw(&links, form)?;
        }
        What::Cycles { hub } => {
            let found = Client::new(hub)?.ask("graph.cycles", &json!({ "limit": 100 })).await?;
            if json {
                return shown(&found);
            }
            for set in found["cycles"].as_array().into_iter().flatten() {
                let names = set["operations"].as_array().into_iter().flatten().map(text);
                output::line(&names.collect::<Vec<_>>().join(" "))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn shown(value: &Value) -> End {
    output::value(value, false)?;
    Ok(Exit::Done)
}

async fn pages(client: &Client, operation: &str, mut asked: Value) -> Result<Vec<Value>, Failure> {
    asked["limit"] = json!(200);
    let mut items = Vec::new();
    loop {
        let page = client.ask(operation, &asked).await?;
        items.extend(page["items"].as_array().into_iter().flatten().cloned());
        if !page["nextCursor"].is_string() || items.len() >= SHOWN {
            return Ok(items);
        }
        asked["cursor"] = page["nextCursor"].clone();
    }
}

fn draw(links: &[(String, &Value)], form: Form) -> Result<(), Failure> {
    match form {
        Form::Mermaid => output::line("flowchart LR")?,
        Form::Dot => output::line("digraph operations {")?,
        Form::Text => {}
    }
    for (from, edge) in links {
        let to = text(&edge["operationId"]);
        let fed = |binding: &Value| format!("{} <- {}", text(&binding["input"]), text(&binding["output"]));
        let label: Vec<_> = edge["bindings"].as_array().into_iter().flatten().map(fed).collect();
        let label = label.join(", ");
        match form {
            Form::Text => {
                let detail = edge["detail"].as_str().map(output::printable);
                let needs = detail.map(|detail| format!("  ({detail})")).unwrap_or_default();
                output::line(&format!("{from} -> {to}  {label}{needs}"))?;
            }
            Form::Mermaid => output::line(&format!(
                "  {}[\"{from}\"] -->|\"{}\"| {}[\"{to}\"]",
                plain(from),
                label.replace('"', "#quot;"),
                plain(&to)
            ))?,
            Form::Dot => output::line(&format!("  {from:?} -> {to:?} [label={label:?}];"))?,
        }
    }
    if form == Form::Dot {
        output::line("}")?;
    }
    Ok(())
}

/// A name that Mermaid takes for a node.
fn plain(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}

fn text(value: &Value) -> String {
    output::printable(value.as_str().unwrap_or_default())
}
