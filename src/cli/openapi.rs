//! `alkhub openapi`: the document that `/openapi.json` serves.

use super::exit::Exit;
use super::{End, output};

pub(super) fn run() -> End {
    let document = crate::transport::http::openapi_json();
    output::line(document.trim_end())?;
    Ok(Exit::Done)
}
