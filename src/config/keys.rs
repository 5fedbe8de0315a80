//! The table of every key: its name, its place in [`Config`], its meaning.

use super::value::{Raw, Shown, Size, Value};
use super::{Config, Origin, Problem};

/// One configuration key.
pub struct Key {
    /// Its dotted name in the file.
    pub path: &'static str,
    /// What it is for, in a sentence.
    pub about: &'static str,
    /// Variables that also set it, besides `ALKHUB_` and its path.
    pub variables: &'static [&'static str],
    /// Whether its value is never shown.
    pub secret: bool,
    /// Whether it may stand in the file.
    pub in_file: bool,
    /// What a right value is.
    pub expected: &'static str,
    set: fn(&mut Config, &Raw) -> bool,
    show: fn(&Config) -> Shown,
    same: fn(&Config, &Config) -> bool,
    copy: fn(&mut Config, &Config),
}

impl Key {
    /// The variable of the key: `limits.body_bytes` is `ALKHUB_LIMITS__BODY_BYTES`.
    #[must_use]
    pub fn variable(&self) -> String {
        match self.variables.first() {
            Some(only) if !self.in_file => (*only).to_owned(),
            _ => format!("ALKHUB_{}", self.path.replace('.', "__").to_uppercase()),
        }
    }

    /// The value, as it may be shown.
    #[must_use]
    pub fn show(&self, config: &Config) -> Shown {
        (self.show)(config)
    }

    /// Whether two configurations have the same value.
    pub(super) fn is_same(&self, one: &Config, other: &Config) -> bool {
        (self.same)(one, other)
    }

    /// Takes the value from another configuration.
    pub(super) fn copy(&self, to: &mut Config, from: &Config) {
        (self.copy)(to, from);
    }

    pub(super) fn set(&self, config: &mut Config, raw: &Raw, origin: &Origin) -> Result<(), Problem> {
        if (self.set)(config, raw) {
            return Ok(());
        }
        let written = match raw {
            Raw::Text(text) if text.trim().is_empty() => "it is empty".to_owned(),
            // A secret may have been pasted with a typing error; it must not reach the log for that.
            _ if self.secret => "its value cannot be used".to_owned(),
            other => format!("{} cannot be used", other.quoted()),
        };
        Err(Problem {
            origin: origin.clone(),
            key: Some(self.path.to_owned()),
            message: format!("{}: {written}", self.path),
            help: format!("expected {}", self.expected),
        })
    }
}

fn assign<T: Value>(place: &mut T, raw: &Raw) -> bool {
    T::read(raw).map(|value| *place = value).is_some()
}

fn expected<T: Value>(_: fn(&Config) -> &T) -> (&'static str, bool) {
    (T::EXPECTED, T::SECRET)
}

macro_rules! key {
    (@build $path:literal, $about:literal, $vars:expr, $in_file:expr, $expected:expr, $secret:expr, $set:expr, $show:expr, $($field:ident).+) => {
        Key { path: $path, about: $about, variables: $vars, in_file: $in_file, expected: $expected, secret: $secret, set: $set, show: $show,
            same: |one, other| one.$($field).+ == other.$($field).+,
            copy: |to, from| to.$($field).+.clone_from(&from.$($field).+) }
    };
    // A size in bytes.
    (size $path:literal = $($field:ident).+, $about:literal) => {
        key!(@build $path, $about, &[], true, Size::EXPECTED, false,
            |config, raw| Size::read(raw).map(|size| config.$($field).+ = size.0).is_some(),
            |config| Size(config.$($field).+).show(), $($field).+)
    };
    // A key that only the environment sets.
    (env $variable:literal $path:literal = $($field:ident).+, $about:literal) => {
        key!(@build $path, $about, &[$variable], false, expected(|config| &config.$($field).+).0, true,
            |config, raw| assign(&mut config.$($field).+, raw),
            |config| config.$($field).+.show(), $($field).+)
    };
    ($path:literal = $($field:ident).+, $about:literal $(, $variable:literal)*) => {
        key!(@build $path, $about, &[$($variable),*], true,
            expected(|config| &config.$($field).+).0, expected(|config| &config.$($field).+).1,
            |config, raw| assign(&mut config.$($field).+, raw),
            |config| config.$($field).+.show(), $($field).+)
    };
}

/// Every key, in the order in which they are documented.
#[must_use]
pub fn all() -> Vec<Key> {
    vec![
        key!(
            "server.listen" = server.listen,
            "Address and port to listen on; port 0 takes a free one.",
            "ALKHUB_LISTEN"
        ),
        key!(
            "server.public_url" = server.public_url,
            "The URL by which clients reach the hub, for example through a proxy; without it the hub goes by the name that a request asks for.",
            "ALKHUB_PUBLIC_URL"
        ),
        key!(
            "server.shutdown_grace" = server.shutdown_grace,
            "How long running calls may take to finish once the hub is told to stop."
        ),
        key!("data" = data, "Directory of everything the hub keeps on disk."),
        key!(
            "database.url" = database.url,
            "`sqlite://...` or `postgres://...`; without it the file `alkhub.db` under `data`.",
            "ALKHUB_DATABASE_URL"
        ),
        key!("database.max_connections" = database.max_connections, "Most connections open at once."),
        key!(
            "database.acquire_timeout" = database.acquire_timeout,
            "How long a call waits for a connection to be made before it is answered with UNAVAILABLE."
        ),
        key!(
            "database.connect_timeout" = database.connect_timeout,
            "Longest time that connecting to Postgres may take; goes on without the call that waited for it. Also how long a call waits where all connections are in use."
        ),
        key!(
            "database.migrate" = database.migrate,
            "Whether `serve` brings the schema up to date by itself."
        ),
        key!(
            "redis.url" = redis.url,
            "`redis://user:password@host:port/0`, or `rediss://` for TLS; without it the hub is one process.",
            "ALKHUB_REDIS_URL"
        ),
        key!(
            "redis.pubsub_url" = redis.pubsub_url,
            "Another Redis for publishing and subscribing alone; `redis.url` serves both without it.",
            "ALKHUB_REDIS_PUBSUB_URL"
        ),
        key!("redis.prefix" = redis.prefix, "Stands before the name of every channel; none unless set."),
        key!("redis.timeout" = redis.timeout, "How long Redis may take to connect or to answer."),
        key!(
            "redis.required" = redis.required,
            "Whether `/readyz` says 503 while Redis is away; calls are served without it."
        ),
        key!("cluster.name" = cluster.name, "What this process is called in `node.list`."),
        key!(
            "cluster.heartbeat" = cluster.heartbeat,
            "How often the process says in the database that it lives; silent for three times as long, it is forgotten."
        ),
        key!(size "limits.body_bytes" = limits.body_bytes, "Largest request body."),
        key!(size "limits.header_bytes" = limits.header_bytes, "Largest request head."),
        key!("limits.headers" = limits.headers, "Most headers of a request."),
        key!("limits.json_depth" = limits.json_depth, "Deepest nesting of a JSON body."),
        key!(
            "limits.header_timeout" = limits.header_timeout,
            "How long a client may take to send the request head."
        ),
        key!(
            "limits.body_timeout" = limits.body_timeout,
            "How long a client may take to send the request body."
        ),
        key!(
            "limits.idle_timeout" = limits.idle_timeout,
            "How long a connection may stay open without a request."
        ),
        key!("limits.connections" = limits.connections, "Most connections open at once."),
        key!(
            "limits.call_timeout" = limits.call_timeout,
            "Longest time a call may take, unless its operation declares a shorter one."
        ),
        key!(
            "limits.calls_in_flight" = limits.calls_in_flight,
            "Most queries and mutations that run at once, and an eighth of the most subscriptions; further ones are answered with UNAVAILABLE."
        ),
        key!(
            "limits.write_timeout" = limits.write_timeout,
            "How long a client may leave unread what it is sent, before its connection is closed."
        ),
        key!(
            "limits.subscription_keep_alive" = limits.subscription_keep_alive,
            "How often a silent subscription sends a comment, so that proxies keep it open."
        ),
        key!(
            "spokes.connections" = spokes.connections,
            "Most connections of the call protocol open at once."
        ),
        key!(
            "spokes.heartbeat" = spokes.heartbeat,
            "After so long without a sign of life a connection is asked for one; after twice as long it is closed."
        ),
        key!(size "spokes.message_bytes" = spokes.message_bytes, "Largest message."),
        key!(size "spokes.buffer_bytes" = spokes.buffer_bytes, "Most bytes that wait for a connection to read them, then it is cut off; and of the input of its running requests."),
        key!("spokes.requests" = spokes.requests, "Most requests of a connection that run at once."),
        key!("spokes.calls" = spokes.calls, "Most calls that wait for a spoke's answer."),
        key!("spokes.operations" = spokes.operations, "Most operations of a spoke."),
        key!(size "spokes.spec_bytes" = spokes.spec_bytes, "Largest description of an operation."),
        key!("rate.key" = rate.key, "Most calls of one key in a time."),
        key!(
            "rate.anonymous" = rate.anonymous,
            "Most calls without a key, and refused credentials, of one client address in a time."
        ),
        key!(
            "rate.operations" = rate.operations,
            "Most calls of some operations by one caller in a time, in place of the above; the first pattern that fits counts."
        ),
        key!(
            "rate.proxies" = rate.proxies,
            "How many proxies before the hub append the client's address to `X-Forwarded-For`; with 0 that header is not believed."
        ),
        key!(
            "rate.patience" = rate.patience,
            "How long a call may wait for Redis to count it; after that the process counts by itself for a while."
        ),
        key!(
            "mcp.allowed_hosts" = mcp.allowed_hosts,
            "Host names by which MCP clients may reach the hub, besides IP addresses, `localhost` and that of `server.public_url`."
        ),
        key!(
            "mcp.allowed_origins" = mcp.allowed_origins,
            "Web origins that may use MCP, besides loopback ones, that of `server.public_url` and `cors.allowed_origins`."
        ),
        key!("mcp.streams" = mcp.streams, "Most streams of notifications to MCP clients open at once."),
        key!("mcp.collect_items" = mcp.collect_items, "Most items of a subscription that a tool collects."),
        key!(size "mcp.collect_bytes" = mcp.collect_bytes, "Most bytes of items that a tool collects."),
        key!("mcp.collect_for" = mcp.collect_for, "How long a tool collects items."),
        key!(
            "mcp.resume_for" = mcp.resume_for,
            "How long a streamed answer whose client has gone is kept for it, and its call goes on."
        ),
        key!(size "mcp.resume_bytes" = mcp.resume_bytes, "Most bytes of streamed answers that are kept."),
        key!("idempotency.keep" = idempotency.keep, "How long the answer to an idempotency key is kept."),
        key!(
            "idempotency.lease" = idempotency.lease,
            "How long a process that serves a call with an idempotency key may be silent before the call is believed dead."
        ),
        key!("events.custom" = events.custom, "Patterns of the types of events that callers may publish."),
        key!(size "events.payload_bytes" = events.payload_bytes, "Largest payload that callers may publish."),
        key!("events.keep_for" = events.keep_for, "How long events are kept."),
        key!("events.keep_count" = events.keep_count, "How many events are kept."),
        key!(size "events.keep_bytes" = events.keep_bytes, "How many bytes of events are kept."),
        key!("events.sweep" = events.sweep, "How often what is not kept is deleted."),
        key!(
            "events.poll" = events.poll,
            "How often to look for events of other processes; those of this process are seen at once."
        ),
        key!(
            "events.ring" = events.ring,
            "Events kept in memory for readers; who is further behind reads them from the database."
        ),
        key!(
            "events.patience" = events.patience,
            "How long a reader may leave events unread before it is ended and has to resume."
        ),
        key!(
            "calls.record" = calls.record,
            "How much is recorded of calls at most: `declared` is what each operation says."
        ),
        key!(size "calls.body_bytes" = calls.body_bytes, "Largest input and output of a call that is kept."),
        key!("calls.keep_for" = calls.keep_for, "How long calls are kept."),
        key!("calls.keep_count" = calls.keep_count, "How many calls are kept."),
        key!("calls.sweep" = calls.sweep, "How often what is not kept is deleted."),
        key!(
            "outbound.allow" = outbound.allow,
            "Addresses, networks and hosts beyond the public internet that requests which users cause may reach, such as `127.0.0.1:11434`, `10.1.0.0/16`, `*.corp.example`."
        ),
        key!(
            "outbound.connect_timeout" = outbound.connect_timeout,
            "Longest wait for a connection to another server."
        ),
        key!(
            "outbound.read_timeout" = outbound.read_timeout,
            "Longest silence of another server before and in the middle of an answer."
        ),
        key!(
            "outbound.timeout" = outbound.timeout,
            "Longest time of a whole request to another server, where it is no stream."
        ),
        key!(size "outbound.response_bytes" = outbound.response_bytes, "Largest answer of another server that is read into memory."),
        key!(size "llm.body_bytes" = llm.body_bytes, "Largest request to a language model; images stand in requests."),
        key!(size "llm.event_bytes" = llm.event_bytes, "Largest event of a language model's stream."),
        key!(
            "llm.timeout" = llm.timeout,
            "Longest wait for the first token of a stream, or for a whole answer."
        ),
        key!(
            "llm.idle_timeout" = llm.idle_timeout,
            "Longest silence of a language model in the middle of a stream."
        ),
        key!("llm.retries" = llm.retries, "Further attempts with one provider of language models."),
        key!(
            "llm.max_tokens" = llm.max_tokens,
            "Bound of answers where the provider insists on one, or a budget has to be reserved, and the caller names none."
        ),
        key!(
            "llm.prices" = llm.prices,
            "A JSON file of prices by model, before those that ship with the hub."
        ),
        key!(size "llm.cache_bytes" = llm.cache_bytes, "Memory for answers that are given again, where a key's policy says so."),
        key!(
            "llm.capture_keep" = llm.capture_keep,
            "How long prompts and answers are kept of keys that have them recorded."
        ),
        key!(
            "llm.usage_keep" = llm.usage_keep,
            "How long lines of usage are kept, at least 1d; budgets keep what was spent beyond that. `0s` keeps them for ever."
        ),
        key!(
            "imports.directory" = directory.imports,
            "Directory of operation files, `<namespace>/<name>.yaml`, that are served as they come and go; none unless set."
        ),
        key!(
            "imports.stdio.allow" = imports.stdio.allow,
            "Command lines of MCP servers that may be started, exactly; one that ends with ` *` allows any arguments."
        ),
        key!(
            "imports.stdio.env" = imports.stdio.env,
            "Variables of the hub that such programs see beside their own."
        ),
        key!(
            "web.search.provider" = web.provider,
            "What answers `web.search`: `searxng`, `brave` or `none`."
        ),
        key!(
            "web.search.url" = web.url,
            "Base URL of the search service; needed for `searxng`, known for `brave`."
        ),
        key!("web.search.api_key" = web.api_key, "The key of the search service."),
        key!(size "web.fetch.bytes" = web.fetch_bytes, "Largest page that `web.fetch` reads."),
        key!(
            "compression.enabled" = compression.enabled,
            "Whether answers are compressed for clients that accept it."
        ),
        key!(size "compression.min_bytes" = compression.min_bytes, "Smallest answer worth compressing."),
        key!(
            "cors.allowed_origins" = cors.allowed_origins,
            "Web origins that may call the hub, or `*` for any; none unless set."
        ),
        key!("cors.max_age" = cors.max_age, "How long a browser may remember the permission."),
        key!("metrics.public" = metrics.public, "Whether `/metrics` answers without a key."),
        key!("docs.enabled" = docs.enabled, "Whether `/docs` and `/openapi.json` are served."),
        key!("log.filter" = log.filter, "A level, or directives such as `info,alkhub=debug`.", "ALKHUB_LOG"),
        key!(
            "log.format" = log.format,
            "How a line looks; `auto` is pretty on a terminal and JSON otherwise."
        ),
        key!(
            "telemetry.otlp_endpoint" = telemetry.otlp_endpoint,
            "Base URL of an OTLP collector, such as `http://127.0.0.1:4318`; nothing is exported without it.",
            "OTEL_EXPORTER_OTLP_ENDPOINT"
        ),
        key!(
            "telemetry.otlp_headers" = telemetry.otlp_headers,
            "Headers of each export, `name=value` separated by commas.",
            "OTEL_EXPORTER_OTLP_HEADERS"
        ),
        key!(
            "telemetry.service_name" = telemetry.service_name,
            "The `service.name` of the traces.",
            "OTEL_SERVICE_NAME"
        ),
        key!(
            "telemetry.sample_ratio" = telemetry.sample_ratio,
            "Share of the traces that start here and are exported, 0 to 1."
        ),
        key!(
            "secrets.master_key_file" = secrets.master_key_file,
            "A file that holds the master key of what is stored encrypted.",
            "ALKHUB_MASTER_KEY_FILE"
        ),
        key!(env "ALKHUB_MASTER_KEY" "secrets.master_key" = secrets.master_key, "The master key itself; only from the environment."),
        key!(env "ALKHUB_BOOTSTRAP_KEY" "bootstrap_key" = bootstrap_key, "Presets the first admin key, `alk_<id>_<secret>`; only from the environment."),
    ]
}

/// The key of a path.
pub(super) fn find<'a>(keys: &'a [Key], path: &str) -> Option<&'a Key> {
    keys.iter().find(|key| key.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_follow_one_pattern() {
        let keys = all();
        let mut names: Vec<String> = keys
            .iter()
            .flat_map(|key| key.variables.iter().map(|v| (*v).to_owned()).chain([key.variable()]))
            .collect();
        names.sort();
        let before = names.len();
        names.dedup();
        // The two keys that only the environment sets have one name, listed twice; `ALKHUB_SECRETS__...` ones differ.
        assert_eq!(before - names.len(), 2, "{names:?}");
        assert!(keys.iter().all(|key| key.about.ends_with('.')));
    }

    #[test]
    fn a_wrong_secret_is_not_quoted() {
        let keys = all();
        let key = find(&keys, "database.url").expect("known");
        let problem = key
            .set(&mut Config::default(), &Raw::List(vec![Raw::Text("hunter2".into())]), &Origin::Default)
            .expect_err("a list");
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
    }

    const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");

    /// The reference as it must be: a table for each section.
    fn reference() -> String {
        let mut text = String::new();
        let mut section = None;
        for key in all() {
            let of_key = key.path.split_once('.').map_or("", |(section, _)| section);
            if section != Some(of_key) {
                section = Some(of_key);
                let title = if of_key.is_empty() { "Top level" } else { of_key };
                text += &format!(
                    "\n### {title}\n\n| key | default | live | variable | meaning |\n| --- | --- | --- | --- | --- |\n"
                );
            }
            let default = match key.show(&Config::default()) {
                Shown::Plain(serde_json::Value::String(text)) => format!("`{text}`"),
                Shown::Plain(serde_json::Value::Array(items)) if !items.is_empty() => {
                    format!("`{}`", serde_json::Value::Array(items))
                }
                Shown::Plain(serde_json::Value::Array(_)) | Shown::Unset | Shown::Hidden => "-".to_owned(),
                Shown::Plain(value) => format!("`{value}`"),
            };
            let path = if key.in_file { format!("`{}`", key.path) } else { "(variable only)".to_owned() };
            let mut variables: Vec<String> = key.variables.iter().map(|name| format!("`{name}`")).collect();
            if variables.is_empty() {
                variables.push(format!("`{}`", key.variable()));
            }
            let live = if key.is_live() { "yes" } else { "" };
            text += &format!("| {path} | {default} | {live} | {} | {} |\n", variables.join(", "), key.about);
        }
        text + "\n"
    }

    #[test]
    fn the_reference_tells_of_every_key() {
        let page = std::fs::read_to_string(REFERENCE).expect("docs/configuration.md");
        let from = page.find("writes it -->\n").expect("the mark") + "writes it -->\n".len();
        let to = page.find("<!-- end of keys -->").expect("the other mark");
        if std::env::var_os("ALKHUB_TEST_UPDATE").is_some() {
            std::fs::write(REFERENCE, format!("{}{}{}", &page[..from], reference(), &page[to..]))
                .expect("written");
            return;
        }
        assert_eq!(
            page[from..to],
            reference(),
            "run this test with ALKHUB_TEST_UPDATE=1 and commit docs/configuration.md"
        );
    }
}
