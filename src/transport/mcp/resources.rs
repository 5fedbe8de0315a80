//! Resources: the documents of operations, and files of spokes.

use alkhub_core::{CallError, McpMode, engine::Answer, error::codes};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rmcp::model::{
    ErrorData, ListResourceTemplatesResult, ListResourcesResult, PaginatedRequestParams, ReadResourceResult,
    Resource, ResourceContents, ResourceTemplate,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{context::Context, tools::Tools};
use crate::storage::page;

/// Resources of a page.
const PAGE: usize = 100;
const OPERATIONS: &str = "alkhub://operations/";
const SPOKES: &str = "alkhub://spokes/";
const FILES: &str = "/files/";
const READ: &str = "fs.read";
/// What a segment of a URI need not escape.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-').remove(b'~');

/// A page of the operations that the caller may reach.
pub(super) fn list(
    tools: &Tools,
    cx: &Context,
    page: Option<PaginatedRequestParams>,
) -> Result<ListResourcesResult, ErrorData> {
    let after = page.and_then(|page| page.cursor).map(|cursor| page::decode_cursor(&cursor)).transpose();
    let after = after.map_err(|error| ErrorData::invalid_params(error.message, None))?;
    let mut entries = tools.engine().registry().visible(Some(&cx.caller), after.as_deref());
    entries.retain(|entry| entry.mcp() != McpMode::Hidden);
    let more = entries.len() > PAGE;
    entries.truncate(PAGE);
    let resources = entries.iter().map(|entry| {
        let id = utf8_percent_encode(entry.id(), ESCAPED);
        Resource::new(format!("{OPERATIONS}{id}"), entry.id())
            .with_title(entry.title())
            .with_description(entry.description())
            .with_mime_type("application/json")
    });
    let mut result = ListResourcesResult::with_all_items(resources.collect());
    result.next_cursor = entries.last().filter(|_| more).map(|last| page::encode_cursor(last.id()));
    Ok(result)
}

/// The templates, as far as there is something behind them for the caller.
pub(super) fn templates(tools: &Tools, cx: &Context) -> ListResourceTemplatesResult {
    let mut templates = vec![
        ResourceTemplate::new(format!("{OPERATIONS}{{operationId}}"), "operation")
            .with_title("An operation")
            .with_description("The description of an operation with its schemas.")
            .with_mime_type("application/json"),
    ];
    if tools.reach(READ, &cx.caller).is_ok() {
        templates.push(
            ResourceTemplate::new(format!("{SPOKES}{{spokeId}}{FILES}{{+path}}"), "file")
                .with_title("A file of a spoke")
                .with_description("A file below the root of a connected spoke."),
        );
    }
    ListResourceTemplatesResult::with_all_items(templates)
}

/// Reads a resource, by a call as the caller.
pub(super) async fn read(tools: &Tools, cx: &Context, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let contents = match contents(tools, cx, uri).await {
        Ok(contents) => contents,
        Err(error) => return Err(told(&error, uri, cx)),
    };
    Ok(ReadResourceResult::new(vec![contents]))
}

async fn contents(tools: &Tools, cx: &Context, uri: &str) -> Result<ResourceContents, CallError> {
    if let Some(id) = uri.strip_prefix(OPERATIONS) {
        let id = decode(id)?;
        tools.reach(&id, &cx.caller)?;
        let spec = call(tools, cx, "hub.schema", json!({ "operationId": id })).await?;
        return Ok(ResourceContents::TextResourceContents {
            uri: uri.to_owned(),
            mime_type: Some("application/json".to_owned()),
            text: serde_json::to_string_pretty(&spec).map_err(|error| CallError::internal(&error))?,
            meta: None,
        });
    }
    let file = uri.strip_prefix(SPOKES).and_then(|rest| rest.split_once(FILES));
    let Some((spoke, path)) = file.filter(|(spoke, path)| !spoke.contains('/') && !path.is_empty()) else {
        return Err(CallError::new(codes::NOT_FOUND, format!("There is no resource {uri}.")));
    };
    let operation = format!("{}.{READ}", decode(spoke)?);
    tools.reach(&operation, &cx.caller)?;
    file_contents(tools, cx, uri, &operation, &decode(path)?).await
}

/// What `fs.read` answers with.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    encoding: String,
    content: String,
    size: u64,
    next_offset: Option<u64>,
}

/// The largest file that is read whole; `fs.read` reads larger ones in parts.
const LARGEST: usize = 2 * 1024 * 1024;

async fn file_contents(
    tools: &Tools,
    cx: &Context,
    uri: &str,
    operation: &str,
    path: &str,
) -> Result<ResourceContents, CallError> {
    let input = |encoding: &str| json!({ "path": path, "encoding": encoding, "limit": LARGEST });
    let read = match call(tools, cx, operation, input("utf8")).await {
        // Not text; whatever else is wrong is so again.
        Err(error) if &*error.code == "FS_REFUSED" => call(tools, cx, operation, input("base64")).await?,
        other => other?,
    };
    let file: File = serde_json::from_value(read).map_err(|error| CallError::internal(&error))?;
    if file.next_offset.is_some() {
        return Err(CallError::new(
            codes::PAYLOAD_TOO_LARGE,
            format!(
                "The file has {} bytes, more than {LARGEST}; call {operation} with offset and limit.",
                file.size
            ),
        ));
    }
    Ok(match file.encoding.as_str() {
        "base64" => ResourceContents::BlobResourceContents {
            uri: uri.to_owned(),
            mime_type: Some("application/octet-stream".to_owned()),
            blob: file.content,
            meta: None,
        },
        _ => ResourceContents::text(file.content, uri),
    })
}

async fn call(tools: &Tools, cx: &Context, operation: &str, input: Value) -> Result<Value, CallError> {
    let entry = tools.engine().find(operation, Some(&cx.caller))?;
    match tools.engine().dispatch(entry, cx.request(uuid::Uuid::now_v7(), input)).await? {
        Answer::Once(output) => output.typed(),
        Answer::Stream(_) => Err(CallError::bad_request("A subscription is no resource.")),
    }
}

fn decode(text: &str) -> Result<String, CallError> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(String::from).map_err(|_| CallError::bad_request("The URI is not UTF-8."))
}

/// Failures of resources are errors of the protocol, with the problem as their data.
fn told(error: &CallError, uri: &str, cx: &Context) -> ErrorData {
    let mut data = super::tools::problem(error, cx.request_id);
    data["uri"] = uri.into();
    let message = error.message.clone();
    match &*error.code {
        codes::NOT_FOUND | codes::OPERATION_NOT_FOUND | codes::ACCESS_DENIED | "FS_NOT_FOUND" => {
            ErrorData::resource_not_found(message, Some(data))
        }
        codes::BAD_REQUEST | codes::VALIDATION_ERROR => ErrorData::invalid_params(message, Some(data)),
        _ => ErrorData::internal_error(message, Some(data)),
    }
}
