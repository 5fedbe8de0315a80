//! What a refused request is told.

use reqwest::{Method, header};
use serde_json::json;

use crate::support::hub::{Answer, each_hub};

#[tokio::test]
async fn every_fault_is_named_by_pointer() {
    each_hub(async |hub| {
        let faults =
            hub.post("/api/projects", json!({ "name": "", "repo": 1, "repository": "no uri" })).await;
        let mut pointers = faults.faults();
        pointers.sort();
        assert_eq!(pointers, ["/name", "/repo", "/repository"]);
        assert!(faults.body.contains("did you mean `repository`?"), "{}", faults.body);
        let missing = hub.post("/api/projects", json!({})).await.faults();
        assert_eq!(missing.len(), 2, "{missing:?}");
        assert_eq!(hub.post("/api/projects", json!([1])).await.faults(), [""]);
    })
    .await;
}

#[tokio::test]
async fn at_most_sixteen_faults_and_no_value_in_any() {
    each_hub(async |hub| {
        let many: serde_json::Map<_, _> =
            (0..1000).map(|n| (format!("secret-{n}"), json!("hunter2"))).collect();
        let answer = hub.post("/api/kit/ingest", many.into()).await;
        assert_eq!(answer.faults().len(), 16);
        assert!(!answer.body.contains("hunter2"));
    })
    .await;
}

#[tokio::test]
async fn the_inside_stays_inside() {
    each_hub(async |hub| {
        for how in ["internal", "panic"] {
            let answer = hub.post("/api/kit/fail", json!({ "how": how })).await;
            answer.problem(500, "EXECUTION_ERROR");
            assert!(!answer.body.contains("secret"), "{}", answer.body);
        }
        // A loop of calls ends, and the hub lives on.
        hub.post("/api/kit/fail", json!({ "how": "deep" })).await.problem(500, "EXECUTION_ERROR");
        hub.get("/api/info").await.ok();
    })
    .await;
}

#[tokio::test]
async fn what_the_router_refuses_is_a_problem_too() {
    each_hub(async |hub| {
        hub.get("/nowhere").await.problem(404, "NOT_FOUND");
        hub.get("/api/nowhere").await.problem(404, "NOT_FOUND");
        let refused = Answer::of(hub.request(Method::PUT, "/api/projects")).await;
        refused.problem(405, "METHOD_NOT_ALLOWED");
        assert_eq!(refused.headers["allow"], "GET, HEAD, POST");
    })
    .await;
}

#[tokio::test]
async fn bodies_that_are_not_json() {
    each_hub(async |hub| {
        let send = |content_type: &'static str, body: &'static str| {
            Answer::of(
                hub.request(Method::POST, "/api/projects")
                    .header(header::CONTENT_TYPE, content_type)
                    .body(body),
            )
        };
        let broken = send("application/json", "{\"name\": ").await.problem(400, "BAD_REQUEST");
        assert!(broken["detail"].as_str().is_some_and(|detail| detail.contains("line 1")), "{broken}");
        send("text/plain", "{}").await.problem(415, "UNSUPPORTED_MEDIA_TYPE");
        send("application/json", "\u{0}").await.problem(400, "BAD_REQUEST");
        send("application/json; charset=utf-8", "{}").await.problem(422, "VALIDATION_ERROR");
        let invalid =
            hub.request(Method::POST, "/api/projects").header(header::CONTENT_TYPE, "application/json");
        Answer::of(invalid.body(vec![b'"', 0xff, b'"'])).await.problem(400, "BAD_REQUEST");
    })
    .await;
}

#[tokio::test]
async fn queries_are_read_by_their_types() {
    each_hub(async |hub| {
        let pick = "/api/kit/pick/7";
        let echo =
            hub.get(&format!("{pick}?flag=true&number=2.5&tags=a&tags=b&sizes=1&text=%C3%A4")).await.ok();
        assert_eq!(
            echo["echo"],
            json!({ "id": 7, "flag": true, "number": 2.5, "tags": ["a", "b"], "sizes": [1], "text": "ä" })
        );
        assert_eq!(hub.get(&format!("{pick}?flag=yes")).await.faults(), ["/flag"]);
        assert_eq!(hub.get(&format!("{pick}?number=1&number=2")).await.faults(), ["/number"]);
        assert_eq!(hub.get(&format!("{pick}?unknown=1")).await.faults(), ["/unknown"]);
        assert_eq!(hub.get("/api/kit/pick/x").await.faults(), ["/id"]);
        assert_eq!(hub.get(&format!("{pick}?id=3")).await.faults(), ["/id"]);
    })
    .await;
}

#[tokio::test]
async fn what_no_database_can_keep_is_refused_by_all() {
    each_hub(async |hub| {
        let body = json!({ "name": "a\0b", "repository": "https://git.example/x", "description": "\0" });
        let mut faults = hub.post("/api/projects", body).await.faults();
        faults.sort();
        assert_eq!(faults, ["/description", "/name"]);
        assert_eq!(hub.get("/api/projects?name=%00").await.faults(), ["/name"]);
        assert_eq!(hub.get("/api/projects/%00").await.faults(), ["/projectId"]);
        assert_eq!(hub.get("/api/keys/%00").await.faults(), ["/keyId"]);
        assert_eq!(hub.get("/api/audit?actor=%00").await.faults(), ["/actor"]);
    })
    .await;
}
