//! API keys: their form, their verification, what they may grant.

mod bootstrap;
mod grant;
mod store;
mod token;

pub use bootstrap::{Bootstrap, BootstrapError, ensure_admin, new_admin};
pub use grant::exceeded;
pub use store::{Admission, KeyStore, VerifyError};
pub use token::Token;
