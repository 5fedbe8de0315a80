//! A provider that does as it is told: answers in the shapes of OpenAI and Anthropic, and fails on demand.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use poem::{
    Body, EndpointExt, Request, Response, Server,
    http::{HeaderMap, StatusCode},
    listener::{Acceptor, Listener, TcpListener},
};
use serde_json::{Value, json};

/// What goes wrong with the next request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// This status, and after how many seconds to come again.
    Status(u16, Option<&'static str>),
    /// The key that was shown is in the error.
    EchoKey(u16),
    /// The stream breaks off after so many events.
    Cut(usize),
    /// The stream's first event is an error.
    FailFirst,
    /// An event that is no JSON.
    Malformed,
    /// An event of so many bytes.
    Giant(usize),
    /// Nothing for so long.
    Slow(Duration),
    /// An endless stream.
    Endless,
    /// A body that is no JSON.
    Html,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

#[derive(Clone, Default)]
struct State {
    faults: Arc<Mutex<VecDeque<Fault>>>,
    got: Arc<Mutex<Vec<Got>>>,
    streaming: Arc<AtomicUsize>,
}

/// A running provider.
pub(crate) struct Upstream {
    pub url: String,
    state: State,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let state = State::default();
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.expect("a port");
        let address = acceptor.local_addr()[0].as_socket_addr().copied().expect("an address");
        let serving = state.clone();
        let endpoint = poem::endpoint::make(move |request| {
            let state = serving.clone();
            async move { Ok::<_, poem::Error>(state.serve(request).await) }
        });
        tokio::spawn(Server::new_with_acceptor(acceptor).run(endpoint.map_to_response()));
        Self { url: format!("http://{address}/v1"), state }
    }

    /// Lets the next requests fail.
    pub(crate) fn fails(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.faults.lock().extend(faults);
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.state.got.lock().clone()
    }

    pub(crate) fn forget(&self) {
        self.state.got.lock().clear();
        self.state.faults.lock().clear();
    }

    /// Streams that are open.
    pub(crate) fn streaming(&self) -> usize {
        self.state.streaming.load(Ordering::SeqCst)
    }
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl State {
    async fn serve(&self, mut request: Request) -> Response {
        let path = request.uri().path().to_owned();
        let headers = request.headers().clone();
        let body = request.take_body().into_string().await.unwrap_or_default();
        if path.ends_with("/models") {
            return answer(&json!({ "data": [{ "id": "m" }] }));
        }
        self.got.lock().push(Got { path: path.clone(), headers: headers.clone(), body: body.clone() });
        let asked: Value = serde_json::from_str(&body).unwrap_or_default();
        let fault = self.faults.lock().pop_front();
        match fault {
            Some(Fault::Status(status, after)) => {
                let mut response =
                    Response::builder().status(StatusCode::from_u16(status).expect("a status"));
                if let Some(after) = after {
                    response = response.header("retry-after", after);
                }
                return response
                    .content_type("application/json")
                    .body(error(&path, "told to fail").to_string());
            }
            Some(Fault::EchoKey(status)) => {
                let key = headers.get("x-api-key").or_else(|| headers.get("authorization"));
                let key = key.and_then(|key| key.to_str().ok()).unwrap_or_default().replace("Bearer ", "");
                let body = error(&path, &format!("bad key {key}")).to_string();
                return Response::builder()
                    .status(StatusCode::from_u16(status).expect("a status"))
                    .content_type("application/json")
                    .body(body);
            }
            Some(Fault::Html) => return Response::builder().content_type("text/html").body("<html>"),
            Some(Fault::Slow(pause)) => tokio::time::sleep(pause).await,
            _ => {}
        }
        if asked["stream"] != true {
            return answer(&whole(&path, &asked));
        }
        let mut events = events(&path, &asked);
        let mut endless = false;
        let mut cut = false;
        match fault {
            Some(Fault::Cut(after)) => {
                events.truncate(after);
                cut = true;
            }
            Some(Fault::FailFirst) => {
                let error = error(&path, "overloaded");
                let named = path.ends_with("messages");
                events = vec![if named {
                    format!("event: error\ndata: {error}\n\n")
                } else {
                    format!("data: {error}\n\n")
                }];
            }
            Some(Fault::Malformed) => {
                events.insert(3, "event: content_block_delta\ndata: {\"type\":\n\n".to_owned())
            }
            Some(Fault::Giant(size)) => events.insert(3, format!("data: {}\n\n", "x".repeat(size))),
            Some(Fault::Endless) => {
                // What would end it does not come.
                events.truncate(3);
                endless = true;
            }
            _ => {}
        }
        self.streaming.fetch_add(1, Ordering::SeqCst);
        let open = Open(self.streaming.clone());
        let last = endless.then(|| events[2].clone());
        let parts = stream::iter(events.into_iter().map(|event| Ok(Bytes::from(event))))
            .chain(stream::iter(last).cycle().then(|event: String| async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                Ok(Bytes::from(event))
            }))
            .chain(stream::iter(cut.then(|| Err(std::io::Error::other("cut")))));
        let parts = parts.map(move |part| {
            let _held = &open;
            part
        });
        Response::builder().content_type("text/event-stream").body(Body::from_bytes_stream(parts))
    }
}

fn answer(value: &Value) -> Response {
    Response::builder().content_type("application/json").body(value.to_string())
}

fn error(path: &str, message: &str) -> Value {
    if path.contains("/messages") {
        return json!({ "type": "error", "error": { "type": "overloaded_error", "message": message } });
    }
    json!({ "error": { "message": message, "type": "server_error", "param": null, "code": null } })
}

/// What is said: by the model's name, or what tools and formats ask for.
fn said(asked: &Value) -> (Option<&'static str>, String) {
    let text = asked.to_string();
    let answered =
        text.contains("\"tool\"") || text.contains("tool_result") || text.contains("function_call_output");
    if asked["tools"].is_array() && !answered {
        return (Some("get_weather"), "{\"city\":\"Paris\"}".to_owned());
    }
    if text.contains("json_schema") {
        return (None, "{\"answer\":42}".to_owned());
    }
    (None, format!("Hello from {}", asked["model"].as_str().unwrap_or_default()))
}

fn whole(path: &str, asked: &Value) -> Value {
    let (tool, text) = said(asked);
    let model = &asked["model"];
    match path {
        path if path.ends_with("count_tokens") => json!({ "input_tokens": 7 }),
        path if path.ends_with("/embeddings") => json!({
            "object": "list", "model": model, "data": [{ "object": "embedding", "index": 0, "embedding": [0.5, -0.5] }],
            "usage": { "prompt_tokens": 3, "total_tokens": 3 },
        }),
        path if path.ends_with("/messages") => {
            let block = match tool {
                Some(name) => {
                    json!({ "type": "tool_use", "id": "toolu_1", "name": name, "input": { "city": "Paris" } })
                }
                None => json!({ "type": "text", "text": text }),
            };
            json!({
                "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [block],
                "stop_reason": if tool.is_some() { "tool_use" } else { "end_turn" }, "stop_sequence": null,
                "usage": { "input_tokens": 11, "output_tokens": 4 }, "unheard_of": { "kept": true },
            })
        }
        path if path.ends_with("/responses") => json!({
            "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": model,
            "output": [{ "type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
                "content": [{ "type": "output_text", "text": text, "annotations": [] }] }],
            "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
            "usage": { "input_tokens": 11, "input_tokens_details": { "cached_tokens": 0 }, "output_tokens": 4,
                "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 15 },
        }),
        _ => {
            let mut message = json!({ "role": "assistant", "content": text, "refusal": null });
            if let Some(name) = tool {
                message["content"] = Value::Null;
                message["tool_calls"] = json!([{ "id": "call_1", "type": "function", "function": { "name": name, "arguments": text } }]);
            }
            json!({
                "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
                "choices": [{ "index": 0, "message": message, "logprobs": null,
                    "finish_reason": if tool.is_some() { "tool_calls" } else { "stop" } }],
                "usage": { "prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15 },
                "unheard_of": { "kept": true },
            })
        }
    }
}

fn events(path: &str, asked: &Value) -> Vec<String> {
    let (tool, text) = said(asked);
    let (first, second) = text.split_at(text.len() / 2);
    let model = &asked["model"];
    let named =
        |value: Value| format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or_default());
    if path.ends_with("/messages") {
        let delta = |text: &str| match tool {
            Some(_) => json!({ "type": "input_json_delta", "partial_json": text }),
            None => json!({ "type": "text_delta", "text": text }),
        };
        let block = match tool {
            Some(name) => json!({ "type": "tool_use", "id": "toolu_1", "name": name, "input": {} }),
            None => json!({ "type": "text", "text": "" }),
        };
        return vec![
            named(
                json!({ "type": "message_start", "message": { "id": "msg_1", "type": "message", "role": "assistant",
                "model": model, "content": [], "stop_reason": null, "stop_sequence": null,
                "usage": { "input_tokens": 11, "output_tokens": 1 } } }),
            ),
            named(json!({ "type": "content_block_start", "index": 0, "content_block": block })),
            named(json!({ "type": "content_block_delta", "index": 0, "delta": delta(first) })),
            named(json!({ "type": "content_block_delta", "index": 0, "delta": delta(second) })),
            named(json!({ "type": "content_block_stop", "index": 0 })),
            named(
                json!({ "type": "message_delta", "delta": { "stop_reason": if tool.is_some() { "tool_use" } else { "end_turn" },
                "stop_sequence": null }, "usage": { "output_tokens": 4 } }),
            ),
            named(json!({ "type": "message_stop" })),
        ];
    }
    if path.ends_with("/responses") {
        let answer = whole(path, asked);
        return vec![
            named(json!({ "type": "response.created", "sequence_number": 0, "response": answer })),
            named(json!({ "type": "response.in_progress", "sequence_number": 1, "response": answer })),
            named(json!({ "type": "response.output_text.delta", "sequence_number": 2, "item_id": "msg_1",
                "output_index": 0, "content_index": 0, "delta": text, "logprobs": [] })),
            named(json!({ "type": "response.completed", "sequence_number": 3, "response": answer })),
        ];
    }
    let chunk = |delta: Value, finish: Value| {
        let chunk = json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model,
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }], "usage": null });
        format!("data: {chunk}\n\n")
    };
    let mut all = vec![chunk(json!({ "role": "assistant", "content": "" }), Value::Null)];
    match tool {
        Some(name) => {
            let call = |id: Value, name: Value, arguments: &str| {
                json!({ "tool_calls": [{ "index": 0, "id": id,
                "type": "function", "function": { "name": name, "arguments": arguments } }] })
            };
            all.push(chunk(call("call_1".into(), name.into(), ""), Value::Null));
            for part in [first, second] {
                let more = json!({ "tool_calls": [{ "index": 0, "function": { "arguments": part } }] });
                all.push(chunk(more, Value::Null));
            }
            all.push(chunk(json!({}), "tool_calls".into()));
        }
        None => {
            all.push(chunk(json!({ "content": first }), Value::Null));
            all.push(chunk(json!({ "content": second }), Value::Null));
            all.push(chunk(json!({}), "stop".into()));
        }
    }
    if asked["stream_options"]["include_usage"] == true {
        let usage = json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model,
            "choices": [], "usage": { "prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15 } });
        all.push(format!("data: {usage}\n\n"));
    }
    all.push("data: [DONE]\n\n".to_owned());
    all
}
