//! A call on its way to a spoke: validated here, run there, as the caller that the hub has verified.

use std::{borrow::Cow, sync::Arc};

use alkhub_core::{
    Call, CallError, Identity, ItemStream, Kind,
    engine::{Answer, Output, Unchecked, handler::ErasedHandler},
    peer::Outgoing,
    protocol::{IDEMPOTENCY_KEY, LINEAGE},
    registry::Registered,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Place, Spoke, elsewhere, spoke::There};

/// Serves an operation of one spoke.
pub(super) struct Direct {
    pub(super) spoke: Arc<Spoke>,
    pub(super) operation: Arc<Registered>,
}

#[async_trait]
impl ErasedHandler for Direct {
    async fn serve(&self, call: &Call, input: Unchecked<'_>) -> Result<Answer, CallError> {
        forward(&self.spoke, &self.operation, call, call.request_id(), input.text()?).await
    }
}

/// Sends a valid call to a spoke, under this id, and waits for what it says.
pub(super) async fn forward(
    spoke: &Spoke,
    operation: &Arc<Registered>,
    call: &Call,
    id: Uuid,
    input: Bytes,
) -> Result<Answer, CallError> {
    let plain_id = operation.plain_id();
    let metadata = metadata(call);
    let mut request = Outgoing {
        id,
        operation_id: &plain_id,
        input,
        call: Some(call.clone()),
        parent: call.parent_request_id(),
        deadline: call.deadline(),
        identity: None,
        metadata: Some(&metadata),
    };
    let peer = match &spoke.place {
        Place::Here(peer) => peer,
        Place::There(there) => {
            // As it came: the process that has the spoke does what is to be done.
            request.identity = call.identity();
            let told = told(there, &metadata, call);
            request.metadata = Some(&told);
            let id = format!("{}.{plain_id}", spoke.id);
            request.operation_id = &id;
            let answer = if operation.kind == Kind::Subscription {
                elsewhere::subscribe(there, call, &request).map(Answer::Stream)
            } else {
                elsewhere::call(there, call, request).await
            };
            return match answer {
                Ok(Answer::Stream(items)) => Ok(Answer::Stream(all_declared(items, operation))),
                Ok(answer) => Ok(answer),
                Err(error) => Err(declared(operation, error)),
            };
        }
    };
    let identity = call.identity().map(|identity| shown(identity, operation));
    request.identity = identity.as_deref();
    if operation.kind == Kind::Subscription {
        let items = peer.subscribe(&request, None)?;
        return Ok(Answer::Stream(all_declared(items, operation)));
    }
    peer.call(request).await.map(Answer::Once).map_err(|error| declared(operation, error))
}

fn all_declared(
    items: ItemStream<Output, CallError>,
    operation: &Arc<Registered>,
) -> ItemStream<Output, CallError> {
    let operation = operation.clone();
    items.map(move |item| item.map_err(|error| declared(&operation, error))).boxed()
}

/// What the caller said beside its input, with its idempotency key: what that means is for the spoke to say.
fn metadata(call: &Call) -> Cow<'_, Map<String, Value>> {
    let Some(key) = call.idempotency_key() else { return Cow::Borrowed(call.metadata()) };
    let mut metadata = call.metadata().clone();
    metadata.insert(IDEMPOTENCY_KEY.to_owned(), key.as_str().into());
    Cow::Owned(metadata)
}

/// The same for another process of the hub, which is told where the call stands in the graph.
pub(super) fn told(there: &There, metadata: &Map<String, Value>, call: &Call) -> Map<String, Value> {
    let mut told = metadata.clone();
    let path = call.lineage().path(&there.links.node_id());
    told.insert(LINEAGE.to_owned(), serde_json::to_value(path).unwrap_or_default());
    told
}

/// The caller as the spoke sees it. `admin` is a word of the hub's; spokes are shown the scopes that it stands for here.
fn shown<'a>(identity: &'a Identity, operation: &Registered) -> Cow<'a, Identity> {
    if !identity.is_admin() {
        return Cow::Borrowed(identity);
    }
    let mut identity = identity.clone();
    let access = &operation.access;
    identity.scopes.extend(access.required_scopes.iter().chain(&access.required_scopes_any).cloned());
    if let (Some(kind), Some(action)) = (&access.resource_type, &access.resource_action) {
        identity.resources.entry(format!("{kind}:*")).or_default().push(action.clone());
    }
    Cow::Owned(identity)
}

/// An error of the spoke, with the status that the operation declares for it.
fn declared(operation: &Registered, mut error: CallError) -> CallError {
    if error.http_status.is_none() {
        let declared = operation.errors.iter().find(|declared| declared.code == error.code);
        error.http_status =
            declared.and_then(|declared| declared.http_status).filter(|status| (400..600).contains(status));
    }
    error
}
