//! `call.list`

use alkhub_api::call::list::{Error, Input, List, Output};
use alkhub_core::{Call, Handle};

use crate::{
    convert_calls as convert,
    hub::Hub,
    storage::{
        calls::{self, Filter, Status},
        time::parse,
    },
};

impl Handle<List> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let nothing = Output { items: Vec::new(), next_cursor: None };
        let Some(caller) = cx.identity() else { return Ok(nothing) };
        let identity = if convert::sees_all(cx) {
            input.identity
        } else if input.identity.as_ref().is_none_or(|asked| *asked == caller.id) {
            Some(caller.id.clone())
        } else {
            return Ok(nothing);
        };
        let filter = Filter {
            status: input.status.and_then(|status| Status::of(&status.to_string())),
            operation: input.operation_id,
            identity,
            session: input.session,
            error_code: input.error_code,
            least_us: input.min_duration_ms.map(|least| least.saturating_mul(1000)),
            since: input.since.map(|text| parse("/since", &text)).transpose()?,
            until: input.until.map(|text| parse("/until", &text)).transpose()?,
            roots: input.roots,
        };
        let (cursor, limit) = (input.cursor.as_deref(), input.limit.unsigned_abs());
        let page = calls::list(&self.database, &filter, cursor, limit).await?;
        let items = page.items.iter().map(convert::node).collect::<Result<_, _>>()?;
        Ok(Output { items, next_cursor: page.next_cursor })
    }
}
