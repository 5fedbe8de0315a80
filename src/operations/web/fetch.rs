//! `web.fetch`

use alkhub_api::{
    errors::{WebUnreadable, WebUnreadableReason},
    web::fetch::{Error, Fetch, Input, InputMode, Output},
};
use alkhub_core::{Call, Declared, Handle};

use crate::{
    convert::signed,
    hub::Hub,
    web::{Mode, Unreadable},
};

/// Bytes of a token, about.
const TOKEN: u64 = 4;

impl Handle<Fetch> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let mode = match input.mode {
            InputMode::Article => Mode::Article,
            InputMode::Full => Mode::Full,
            InputMode::Raw => Mode::Raw,
        };
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let start = size(input.start_index.unsigned_abs());
        let most = size(input.max_tokens.unsigned_abs() * TOKEN);
        let page = self.web.fetch(&input.url, mode, start, most).await.map_err(unreadable)?;
        let number = |size: usize| signed(size as u64);
        Ok(Output {
            url: page.url,
            status: i64::from(page.status),
            content_type: page.content_type,
            title: page.title,
            author: page.author,
            published: page.published,
            content: page.content,
            start_index: number(page.start),
            length: number(page.length),
            next_index: page.next.map(number),
            truncated: page.truncated,
        })
    }
}

/// The words say more than the catalogue's sentence.
fn unreadable(why: Unreadable) -> Error {
    let message = why.words();
    let (reason, status, content_type) = match why {
        Unreadable::Call(error) => return error.into(),
        Unreadable::Status(status) => (WebUnreadableReason::Status, Some(i64::from(status)), None),
        Unreadable::Type(kind) => (WebUnreadableReason::Type, None, Some(kind)),
        Unreadable::Encoding => (WebUnreadableReason::Encoding, None, None),
        Unreadable::Structure => (WebUnreadableReason::Structure, None, None),
    };
    let mut error = Error::WebUnreadable(WebUnreadable { reason, status, content_type }).into_call_error();
    error.message = message;
    error.into()
}
