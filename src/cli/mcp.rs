//! `alkhub mcp`: what to paste into the settings of MCP clients.

use clap::{Args, ValueEnum};
use reqwest::Url;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::{End, output};

const DEFAULT_HUB: &str = "http://127.0.0.1:8080";

/// Clients whose settings have a form of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Program {
    /// opencode, from version 2
    Opencode,
    /// opencode version 1
    OpencodeV1,
    /// Claude Code
    ClaudeCode,
    /// Claude Desktop
    ClaudeDesktop,
    /// Visual Studio Code
    Vscode,
    /// Anything else
    Generic,
}

/// Flags of `mcp`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  alkhub mcp                                   the settings of every client that is known
  alkhub mcp opencode > opencode.json
  alkhub mcp claude-code --url https://hub.example.org > .mcp.json
  alkhub mcp vscode --key-env WORK_HUB_KEY > .vscode/mcp.json

No key is in what is printed: clients read it from a variable, or ask for it. Where one can do neither, a word stands in
its place; --show-key prints the key instead.")]
pub(super) struct McpArgs {
    /// Which client; all without it
    #[arg(value_enum, value_name = "CLIENT")]
    client: Option<Program>,
    /// The hub's URL [env: ALKHUB_HUB] [default: http://127.0.0.1:8080]
    #[arg(long, alias = "hub", value_name = "URL")]
    url: Option<String>,
    /// The variable from which the client reads the key [default: ALKHUB_KEY; VS Code asks for it]
    #[arg(long, value_name = "NAME")]
    key_env: Option<String>,
    /// Print the key that this variable has here, in place of a reference to it
    #[arg(long)]
    show_key: bool,
}

/// How a client gets the key.
enum Key {
    Variable(String),
    /// Whatever the client does by itself.
    Default,
    Shown(String),
}

impl Key {
    /// The header's value, where a reference to a variable looks so.
    fn bearer(&self, reference: impl Fn(&str) -> String) -> String {
        match self {
            Self::Variable(name) => format!("Bearer {}", reference(name)),
            Self::Default => format!("Bearer {}", reference("ALKHUB_KEY")),
            Self::Shown(key) => format!("Bearer {key}"),
        }
    }

    /// The same for a client that cannot read variables.
    fn literal(&self) -> String {
        match self {
            Self::Shown(key) => format!("Bearer {key}"),
            _ => "Bearer YOUR_KEY".to_owned(),
        }
    }
}

pub(super) fn run(args: McpArgs) -> End {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let hub = args.url.or_else(|| variable("ALKHUB_HUB")).unwrap_or_else(|| DEFAULT_HUB.to_owned());
    let url = endpoint(&hub)?;
    if !args.key_env.as_deref().is_none_or(is_variable) {
        return Err(Failure::usage("--key-env is not the name of a variable")
            .help("it has letters, digits and underscores, and does not begin with a digit; the key itself goes into the variable"));
    }
    let key = match (args.show_key, args.key_env) {
        (true, name) => {
            let name = name.unwrap_or_else(|| "ALKHUB_KEY".to_owned());
            let key = variable(&name)
                .ok_or_else(|| Failure::usage(format!("the variable {name} holds no key to show")))?;
            Key::Shown(key.trim().to_owned())
        }
        (false, Some(name)) => Key::Variable(name),
        (false, None) => Key::Default,
    };
    if let Some(client) = args.client {
        eprintln!("{}", place(client));
        output::line(&pretty(&settings(client, &url, &key)))?;
        return Ok(Exit::Done);
    }
    for client in Program::value_variants() {
        let name = client.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        output::line(&format!("# {name}: {}\n{}\n", place(*client), pretty(&settings(*client, &url, &key))))?;
    }
    Ok(Exit::Done)
}

fn endpoint(hub: &str) -> Result<String, Failure> {
    let wrong = || {
        Failure::usage(format!("{hub:?} is not the URL of a hub")).help("for example https://hub.example.org")
    };
    let url = Url::parse(hub).map_err(|_| wrong())?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain {
        return Err(wrong());
    }
    let base = url.as_str().trim_end_matches('/');
    Ok(if base.ends_with("/mcp") { base.to_owned() } else { format!("{base}/mcp") })
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn pretty(settings: &Value) -> String {
    serde_json::to_string_pretty(settings).unwrap_or_default()
}

fn place(client: Program) -> &'static str {
    match client {
        Program::Opencode => "opencode.json of the project, or ~/.config/opencode/opencode.json",
        Program::OpencodeV1 => {
            "opencode.json of the project, or ~/.config/opencode/opencode.json, for opencode 1"
        }
        Program::ClaudeCode => ".mcp.json of the project",
        Program::ClaudeDesktop => {
            "claude_desktop_config.json (Settings, Developer, Edit Config); it needs Node for npx"
        }
        Program::Vscode => ".vscode/mcp.json of the workspace, or `MCP: Open User Configuration`",
        Program::Generic => "wherever the client keeps its servers; the transport is streamable HTTP",
    }
}

fn settings(client: Program, url: &str, key: &Key) -> Value {
    match client {
        Program::Opencode => {
            let server = json!({ "type": "remote", "url": url, "oauth": false, "headers": { "Authorization": key.bearer(|name| format!("{{env:{name}}}")) } });
            json!({ "$schema": "https://opencode.ai/config.json", "mcp": { "servers": { "alkhub": server } } })
        }
        Program::OpencodeV1 => {
            let server = json!({ "type": "remote", "url": url, "enabled": true, "oauth": false, "headers": { "Authorization": key.bearer(|name| format!("{{env:{name}}}")) } });
            json!({ "$schema": "https://opencode.ai/config.json", "mcp": { "alkhub": server } })
        }
        Program::ClaudeCode => {
            let server = json!({ "type": "http", "url": url, "headers": { "Authorization": key.bearer(|name| format!("${{{name}}}")) } });
            json!({ "mcpServers": { "alkhub": server } })
        }
        Program::ClaudeDesktop => {
            // Its settings know only programs to start; this one speaks HTTP for it. Its arguments may have no spaces.
            let arguments = ["-y", "mcp-remote", url, "--header", "Authorization:${ALKHUB_AUTHORIZATION}"];
            let environment = json!({ "ALKHUB_AUTHORIZATION": key.literal() });
            json!({ "mcpServers": { "alkhub": { "command": "npx", "args": arguments, "env": environment } } })
        }
        Program::Vscode => {
            let asks = matches!(key, Key::Default);
            let reference =
                |name: &str| if asks { "${input:alkhub-key}".to_owned() } else { format!("${{env:{name}}}") };
            let server =
                json!({ "type": "http", "url": url, "headers": { "Authorization": key.bearer(reference) } });
            let mut settings = json!({ "servers": { "alkhub": server } });
            if asks {
                settings["inputs"] = json!([{ "type": "promptString", "id": "alkhub-key", "description": "Key of the hub", "password": true }]);
            }
            settings
        }
        Program::Generic => {
            let server = json!({ "type": "streamable-http", "url": url, "headers": { "Authorization": key.literal() } });
            json!({ "mcpServers": { "alkhub": server } })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lead_to_the_endpoint() {
        for (hub, url) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/mcp"),
            ("https://hub.example.org/", "https://hub.example.org/mcp"),
            ("https://hub.example.org/mcp", "https://hub.example.org/mcp"),
            ("https://example.org/hub/", "https://example.org/hub/mcp"),
        ] {
            assert_eq!(endpoint(hub).ok().as_deref(), Some(url));
        }
        for wrong in ["", "hub", "ftp://hub", "https://key@hub.example", "https://hub.example/?key=1"] {
            assert!(endpoint(wrong).is_err(), "{wrong}");
        }
    }
}
