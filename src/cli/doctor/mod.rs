//! `alkhub doctor`: looks at everything that a hub needs, and says how to mend what is wrong.

mod bus;
mod clock;
mod configuration;
mod data;
mod database;
mod files;
mod finding;
mod port;
mod secrets;
mod traces;

use clap::Args;
use owo_colors::Style;
use serde_json::json;

use super::args::{Format, Global, Place, flag};
use super::exit::{Exit, Failure};
use super::{End, output};
use crate::config;
use finding::{Finding, Grade};

/// Flags of `doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = "Each finding is ok, warn or fail, with what to do about it. Exits with 1 if one is fail."
)]
pub(super) struct DoctorArgs {
    /// Address and port that the hub listens on
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    pub(super) format: Format,
}

pub(super) async fn run(global: &Global, args: DoctorArgs) -> End {
    let mut flags = args.place.flags();
    flags.extend(flag("--listen", "server.listen", args.listen.as_ref()));
    let sources = global.sources(flags);
    let (loaded, problems) = config::examine(&sources);
    let config = &loaded.config;

    let mut findings = configuration::check(&loaded, &problems);
    findings.extend(data::check(config));
    findings.extend(database::check(config).await);
    findings.extend(bus::check(&config.redis).await);
    findings.push(port::check(config.server.listen).await);
    findings.extend(secrets::check(&loaded));
    findings.push(files::check(config));
    findings.push(clock::check(std::time::SystemTime::now()));
    findings.extend(traces::check(&config.telemetry).await);

    let failed = findings.iter().any(|finding| finding.grade == Grade::Fail);
    if args.format.json {
        output::value(&json!({ "ok": !failed, "findings": findings }), output::for_people())?;
    } else {
        print(&findings)?;
    }
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn print(findings: &[Finding]) -> Result<(), Failure> {
    for finding in findings {
        let (mark, style) = match finding.grade {
            Grade::Ok => ("ok  ", Style::new().green()),
            Grade::Warn => ("warn", Style::new().yellow().bold()),
            Grade::Fail => ("fail", Style::new().red().bold()),
        };
        let mark = output::paint(mark, style);
        output::line(&format!("{mark}  {:<13} {}", finding.check, finding.message))?;
        for line in finding.mend.iter().flat_map(|mend| mend.lines()) {
            output::line(&format!("      {:<13} {line}", ""))?;
        }
    }
    let count = |grade| findings.iter().filter(|finding| finding.grade == grade).count();
    let (failed, warned) = (count(Grade::Fail), count(Grade::Warn));
    output::line("")?;
    output::line(&match (failed, warned) {
        (0, 0) => "Nothing is wrong.".to_owned(),
        (0, warned) => format!("Nothing keeps the hub from running; {} to look at.", things(warned)),
        (failed, 0) => format!("{} to mend.", things(failed)),
        (failed, warned) => format!("{} to mend, {} to look at.", things(failed), things(warned)),
    })
}

fn things(count: usize) -> String {
    if count == 1 { "1 thing".to_owned() } else { format!("{count} things") }
}
