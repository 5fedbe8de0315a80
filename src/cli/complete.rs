//! `alkhub completions`: a script that a shell loads.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::exit::Exit;
use super::{End, output};

/// Flags of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  alkhub completions bash > ~/.local/share/bash-completion/completions/alkhub
  alkhub completions zsh > ~/.zfunc/_alkhub
  alkhub completions fish > ~/.config/fish/completions/alkhub.fish")]
pub(super) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> End {
    // Into memory first: the generator panics when the pipe closes.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::args::Cli::command(), "alkhub", &mut script);
    output::text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
