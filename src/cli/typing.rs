//! Reading a secret from a terminal without showing it.

use std::io::IsTerminal;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Restores the terminal when it is dropped.
pub(super) struct Unseen(Termios);

/// Asks for something and hides what is typed; does nothing where no person types.
pub(super) fn hide(question: &str) -> Option<Unseen> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return None;
    }
    super::output::error_line(question);
    let before = tcgetattr(&stdin).ok()?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Now, &silent).ok()?;
    Some(Unseen(before))
}

impl Drop for Unseen {
    fn drop(&mut self) {
        let _unrestored = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}
