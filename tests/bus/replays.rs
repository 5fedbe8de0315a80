//! Workflows that are cut off by the death of a process or of a spoke, and go on where they were.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use alkhub::{config::Config, server::Server, transport::http::HubOperations};
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinHandle};

use super::forwarding::{Pair, each_pair_with, forgets, knows};
use crate::support::{
    hub::{ADMIN, Answer, KitOperations, TestHub},
    redis::PATIENCE,
    until,
    wire::{Wire, operation},
};

/// Five calls over two spokes: two mutations that may be repeated, one that may not, and two queries.
const STEPS: [&str; 5] = ["a.work.once", "b.work.loose", "a.work.ask", "b.work.once", "b.work.ask"];

/// Processes beat fast, so that the dead are found soon.
fn lively(config: &mut Config) {
    config.cluster.heartbeat = Duration::from_millis(400);
}

/// The body of a process that a test kills: a hub with the kit's operations on the test's database.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the tests of this file as a process of its own"]
async fn a_process_to_be_killed() {
    let variable = |name: &str| std::env::var(name).expect("set by the test that starts this");
    let mut config = Config::default();
    config.server.listen = ([127, 0, 0, 1], 0).into();
    config.data = variable("REPLAY_DATA").into();
    config.database.url = Some(variable("REPLAY_DATABASE").into());
    config.database.acquire_timeout = Duration::from_secs(30);
    config.redis.url = Some(variable("REPLAY_REDIS").into());
    config.bootstrap_key = Some(ADMIN.to_owned().into());
    lively(&mut config);
    let server =
        Box::pin(Server::start::<(HubOperations, KitOperations)>(config)).await.expect("the hub starts");
    println!("serves http://{}", server.address());
    std::future::pending::<()>().await;
}

struct Process {
    child: Child,
    url: String,
}

impl Process {
    async fn beside(pair: &Pair) -> Self {
        let backend = &pair.one.backend;
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--ignored", "--exact", "bus::replays::a_process_to_be_killed", "--nocapture"]);
        command.env("REPLAY_DATA", backend.data()).env("REPLAY_DATABASE", backend.url());
        command.env("REPLAY_REDIS", pair.redis.url());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it starts");
        let stdout = child.stdout.take().expect("piped");
        // Read to its end in a thread of its own, so that the pipe never fills.
        let (tell, mut told) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(at) = line.find("serves http://") {
                    let _gone = tell.send(line[at + 7..].trim().to_owned());
                }
            }
        });
        let url = told.recv().await.expect("it says where it serves");
        Self { child, url }
    }

    fn kill(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What the spokes have done.
#[derive(Default)]
struct World {
    /// How often each effect happened: of `once` by its key, of `loose` by its input.
    effects: HashMap<String, u32>,
    /// Requests so far.
    asked: usize,
    /// The request at which nobody answers any more.
    silent_at: Option<usize>,
    /// Whether that request has no effect either.
    idle: bool,
}

/// A moment of a workflow at which something dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// Before this step is called, or after the last.
    Between(usize),
    /// A spoke has the request of this step, and has not begun.
    Asked(usize),
    /// A spoke has done what this step asks, and has not answered.
    Done(usize),
}

impl Moment {
    /// Steps that have been answered by then.
    fn answered(self) -> usize {
        let (Self::Between(at) | Self::Asked(at) | Self::Done(at)) = self;
        at
    }

    fn world(self) -> Arc<Mutex<World>> {
        let silent_at = match self {
            Self::Between(_) => None,
            Self::Asked(at) | Self::Done(at) => Some(at),
        };
        Arc::new(Mutex::new(World { silent_at, idle: matches!(self, Self::Asked(_)), ..World::default() }))
    }

    /// Whether nobody can tell if an effect happened that must not happen twice.
    fn is_unsafe(self) -> bool {
        !matches!(self, Self::Between(_)) && STEPS[self.answered()] == "b.work.loose"
    }
}

struct Spoke {
    task: JoinHandle<()>,
}

impl Spoke {
    /// Has effects, and answers until it is to be silent; then it says so, and stays connected.
    async fn start(
        hub: &TestHub,
        id: &'static str,
        world: &Arc<Mutex<World>>,
        cut: &mpsc::UnboundedSender<()>,
    ) -> Self {
        let mut once = operation("work", "once", "mutation");
        once["idempotent"] = json!(true);
        let offered = [once, operation("work", "loose", "mutation"), operation("work", "ask", "query")];
        let mut wire = Wire::spoke(hub, ADMIN, id, &offered).await;
        let (world, cut) = (world.clone(), cut.clone());
        let task = tokio::spawn(async move {
            loop {
                let message = match wire.try_next().await {
                    Some(message) => message,
                    None => return,
                };
                if message["type"] != "call.requested" {
                    continue;
                }
                let asked = &message["payload"];
                let silent = {
                    let mut world = world.lock().expect("whole");
                    let effect = match asked["operationId"].as_str() {
                        Some("work.once") => Some(asked["metadata"]["idempotencyKey"].to_string()),
                        Some("work.loose") => Some(format!("loose {}", asked["input"])),
                        _ => None,
                    };
                    let once = asked["operationId"] == "work.once";
                    let silent = world.silent_at == Some(world.asked);
                    let idle = silent && world.idle;
                    if let Some(effect) = effect.filter(|_| !idle) {
                        let count = world.effects.entry(effect).or_default();
                        // Who is idempotent does nothing the second time.
                        *count = if once { 1 } else { *count + 1 };
                    }
                    world.asked += 1;
                    silent
                };
                if silent {
                    let _gone = cut.send(());
                    continue;
                }
                wire.respond(&asked["requestId"], json!({ "did": asked["input"]["step"] })).await;
            }
        });
        Self { task }
    }

    /// It is gone without a word.
    fn kill(self) {
        self.task.abort();
    }
}

/// The workflow that has ended, cut off.
async fn ended(hub: &TestHub, before: usize) -> Value {
    let mut newest = Value::Null;
    until("the workflow is known to have ended", PATIENCE, async || {
        let page = hub.get("/api/calls?operationId=kit.workflow").await.ok();
        let items = page["items"].as_array().expect("items").clone();
        newest = items.first().cloned().unwrap_or_default();
        items.len() > before && newest["endedAt"].is_string()
    })
    .await;
    newest
}

/// Waits until so many calls of the newest workflow are recorded as completed.
async fn written(hub: &TestHub, before: usize, completed: usize) {
    until("the calls so far are recorded", PATIENCE, async || {
        let page = hub.get("/api/calls?operationId=kit.workflow").await.ok();
        let items = page["items"].as_array().expect("items");
        if items.len() <= before {
            return false;
        }
        let path = format!("/api/calls/{}/tree", items[0]["requestId"].as_str().expect("an id"));
        let tree = hub.get(&path).await.ok();
        let calls = tree["calls"].as_array().expect("calls").iter();
        calls.filter(|call| call["status"] == "completed").count() == completed
    })
    .await;
}

async fn count(hub: &TestHub) -> usize {
    hub.get("/api/calls?operationId=kit.workflow").await.ok()["items"].as_array().map_or(0, Vec::len)
}

/// Resumes, and looks that every effect happened once and the tree is whole, or that it is said why not.
async fn resumes(hub: &TestHub, world: &Arc<Mutex<World>>, moment: Moment, cut_off: &Value) {
    let at = moment.answered();
    assert_ne!(cut_off["status"], "completed", "{cut_off}");
    world.lock().expect("whole").silent_at = None;
    let id = cut_off["requestId"].as_str().expect("an id");
    let replay = async |body: Value| hub.post(&format!("/api/calls/{id}/replay"), body).await;
    let told = replay(json!({ "mode": "resume" })).await;
    let effects = || world.lock().expect("whole").effects.clone();
    assert!(effects().values().all(|count| *count == 1), "{moment:?}: {:?}", effects());
    assert!(effects().keys().all(|key| key != "null"), "{moment:?}: {:?}", effects());
    let mut most = 1;
    let told = if moment.is_unsafe() {
        let problem = told.problem(409, "REPLAY_UNSAFE");
        assert_eq!(problem["details"]["operationId"], "b.work.loose", "{problem}");
        let doubtful = problem["details"]["requestId"].as_str().expect("an id");
        let path = format!("/api/calls/{doubtful}");
        assert_eq!(hub.get(&path).await.ok()["call"]["parentRequestId"], id);
        // Nobody repeats it unasked; who has looked whether its effect is there says so.
        most = if matches!(moment, Moment::Done(_)) { 2 } else { 1 };
        replay(json!({ "mode": "fork", "from": doubtful })).await.ok()
    } else {
        told.ok()
    };
    let effects = effects();
    assert_eq!(effects.values().max(), Some(&most), "{moment:?}: {effects:?}");
    assert_eq!(told["status"], "completed", "{moment:?}: {told}");
    assert_eq!((&told["answered"], &told["made"]), (&json!(at), &json!(5 - at)), "{told}");
    assert_eq!(effects.len(), 3, "{moment:?}: {effects:?}");
    let steps: Vec<Value> = (0..5).map(|step| json!({ "did": step })).collect();
    assert_eq!(told["output"]["results"], json!(steps));
    let path = format!("/api/calls/{}/tree", told["requestId"].as_str().expect("an id"));
    until("the tree is whole", PATIENCE, async || {
        let tree = hub.get(&path).await.ok();
        let calls = tree["calls"].as_array().expect("calls");
        let names: Vec<&str> = calls.iter().skip(1).filter_map(|call| call["operationId"].as_str()).collect();
        names == STEPS && calls.iter().all(|call| call["status"] == "completed") && calls[0]["replayOf"] == id
    })
    .await;
}

/// A process dies at each of these moments, and another resumes what it was at.
async fn processes_die(moments: impl IntoIterator<Item = Moment>) {
    let moments: Vec<_> = moments.into_iter().collect();
    each_pair_with(lively, async |pair| {
        let (cut, mut told) = mpsc::unbounded_channel();
        for &moment in &moments {
            let world = moment.world();
            let a = Spoke::start(&pair.one, "a", &world, &cut).await;
            let b = Spoke::start(&pair.two, "b", &world, &cut).await;
            let mut dying = Process::beside(pair).await;
            let before = count(&pair.one).await;
            let client = reqwest::Client::new();
            until("the process knows both spokes", PATIENCE, async || {
                let ask = async |id: &str| {
                    let request = client.get(format!("{}/api/spokes/{id}", dying.url)).bearer_auth(ADMIN);
                    Answer::of(request).await.status == 200
                };
                ask("a").await && ask("b").await
            })
            .await;
            let post = |path: &str, body: Value| {
                client.post(format!("{}/api/kit/{path}", dying.url)).bearer_auth(ADMIN).json(&body)
            };
            if let Moment::Between(at) = moment {
                Answer::of(post("hold", json!({ "at": at }))).await.ok();
            }
            let call = tokio::spawn(post("workflow", json!({ "steps": STEPS })).send());
            if !matches!(moment, Moment::Between(_)) {
                told.recv().await.expect("cut off");
            }
            // What is not written yet when a process dies counts as cut off, too; here it is to be known how far it was.
            written(&pair.one, before, moment.answered()).await;
            dying.kill();
            let _lost = call.await.expect("ended");
            for (spoke, hub) in [("a", &pair.two), ("b", &pair.one)] {
                knows(hub, spoke, 3).await;
            }
            let cut_off = ended(&pair.one, before).await;
            assert_eq!(cut_off["error"]["details"]["reason"], "node_lost", "{cut_off}");
            resumes(&pair.one, &world, moment, &cut_off).await;
            a.kill();
            b.kill();
            forgets(&pair.one, "b").await;
            forgets(&pair.two, "a").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_whose_process_is_killed_between_calls_is_resumed() {
    processes_die((0..=STEPS.len()).map(Moment::Between)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_whose_process_is_killed_before_an_effect_is_resumed() {
    processes_die((0..STEPS.len()).map(Moment::Asked)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_whose_process_is_killed_after_an_effect_is_resumed_without_repeating_it() {
    processes_die((0..STEPS.len()).map(Moment::Done)).await;
}

/// The spoke that serves a step dies at each of these moments, and another comes in its place.
async fn spokes_die(moments: impl IntoIterator<Item = Moment>) {
    let moments: Vec<_> = moments.into_iter().collect();
    each_pair_with(lively, async |pair| {
        let (cut, mut told) = mpsc::unbounded_channel();
        for &moment in &moments {
            let at = moment.answered();
            let world = moment.world();
            let mut a = Spoke::start(&pair.one, "a", &world, &cut).await;
            let mut b = Spoke::start(&pair.two, "b", &world, &cut).await;
            knows(&pair.one, "b", 3).await;
            let before = count(&pair.one).await;
            let between = matches!(moment, Moment::Between(_));
            if between {
                pair.one.post("/api/kit/hold", json!({ "at": at })).await.ok();
            }
            let body = json!({ "steps": STEPS });
            let request = pair.one.request(reqwest::Method::POST, "/api/kit/workflow").json(&body);
            let call = tokio::spawn(Answer::of(request));
            if between {
                written(&pair.one, before, at).await;
            } else {
                told.recv().await.expect("cut off");
            }
            let (spoke, id, home) = match STEPS[at].starts_with('a') {
                true => (&mut a, "a", &pair.one),
                false => (&mut b, "b", &pair.two),
            };
            let other = Spoke { task: tokio::spawn(async {}) };
            std::mem::replace(spoke, other).kill();
            if between {
                forgets(&pair.one, id).await;
                pair.one.post("/api/kit/hold", json!({ "at": -1 })).await.ok();
                call.await.expect("answered").problem(404, "OPERATION_NOT_FOUND");
            } else {
                call.await.expect("answered").problem(499, "ABORTED");
                forgets(&pair.one, id).await;
            }
            *spoke = Spoke::start(home, id, &world, &cut).await;
            knows(&pair.one, id, 3).await;
            let cut_off = ended(&pair.one, before).await;
            resumes(&pair.one, &world, moment, &cut_off).await;
            a.kill();
            b.kill();
            forgets(&pair.one, "b").await;
            forgets(&pair.two, "a").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_whose_spoke_is_killed_between_calls_is_resumed() {
    spokes_die((0..STEPS.len()).map(Moment::Between)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_whose_spoke_is_killed_before_an_effect_is_resumed() {
    spokes_die((0..STEPS.len()).map(Moment::Asked)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_whose_spoke_is_killed_after_an_effect_is_resumed_without_repeating_it() {
    spokes_die((0..STEPS.len()).map(Moment::Done)).await;
}
