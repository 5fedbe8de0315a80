//! Projects, from creation to archive.

use reqwest::Method;
use serde_json::json;

use crate::support::hub::{Answer, each_hub};

#[tokio::test]
async fn the_life_of_a_project() {
    each_hub(async |hub| {
        let new = json!({ "name": "hub", "repository": "https://git.example/hub", "description": "A hub." });
        let created = hub.post("/api/projects", new.clone()).await.ok();
        let path = format!("/api/projects/{}", created["id"].as_str().expect("an id"));
        assert_eq!(hub.get(&path).await.ok(), created);
        assert_eq!(created["archived"], false);
        assert_eq!(created["createdAt"], created["updatedAt"]);
        let taken = hub.post("/api/projects", new).await.problem(409, "PROJECT_EXISTS");
        assert_eq!(taken["details"]["name"], "hub");

        let patch = |body| Answer::of(hub.request(Method::PATCH, &path).json(&body));
        let renamed = patch(json!({ "name": "hub-2" })).await.ok();
        assert_eq!(renamed["name"], "hub-2");
        assert_eq!(renamed["description"], "A hub.");
        assert!(patch(json!({ "description": "" })).await.ok().get("description").is_none());
        assert_eq!(patch(json!({})).await.ok()["name"], "hub-2");
        hub.post("/api/projects", json!({ "name": "other", "repository": "https://git.example/o" }))
            .await
            .ok();
        patch(json!({ "name": "other" })).await.problem(409, "PROJECT_EXISTS");

        let archive = || hub.request(Method::POST, &format!("{path}/archive"));
        assert_eq!(Answer::of(archive()).await.ok()["archived"], true);
        assert_eq!(Answer::of(archive()).await.ok()["archived"], true, "again changes nothing");
        patch(json!({ "name": "x" })).await.problem(409, "PROJECT_ARCHIVED");
        let listed = hub.get("/api/projects?archived=true").await.ok();
        assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
        assert_eq!(hub.get("/api/projects?archived=false&name=the").await.ok()["items"][0]["name"], "other");
    })
    .await;
}

#[tokio::test]
async fn what_does_not_exist() {
    each_hub(async |hub| {
        let problem = hub.get("/api/projects/none").await.problem(404, "PROJECT_NOT_FOUND");
        assert_eq!(problem["details"]["projectId"], "none");
        let patch = hub.request(Method::PATCH, "/api/projects/none").json(&json!({}));
        Answer::of(patch).await.problem(404, "PROJECT_NOT_FOUND");
        Answer::of(hub.request(Method::POST, "/api/projects/none/archive"))
            .await
            .problem(404, "PROJECT_NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn pages_are_complete_while_projects_come() {
    each_hub(async |hub| {
        let create = |number: usize| {
            hub.post(
                "/api/projects",
                json!({ "name": format!("p{number:03}"), "repository": "https://git.example/p" }),
            )
        };
        for number in 0..25 {
            create(number).await.ok();
        }
        let (mut names, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = hub.get(&format!("/api/projects?limit=10{cursor}")).await.ok();
            let items = page["items"].as_array().expect("items");
            names.extend(items.iter().map(|item| item["name"].as_str().expect("a name").to_owned()));
            create(100 + names.len()).await.ok();
            match page["nextCursor"].as_str() {
                Some(next) if names.len() < 60 => cursor = format!("&cursor={next}"),
                _ => break,
            }
        }
        let expected: Vec<String> = (0..25).map(|number| format!("p{number:03}")).collect();
        assert_eq!(names[..25], expected);
    })
    .await;
}

#[tokio::test]
async fn one_of_many_at_once_gets_the_name() {
    each_hub(async |hub| {
        let body = json!({ "name": "same", "repository": "https://git.example/s" });
        let answers =
            futures::future::join_all((0..40).map(|_| hub.post("/api/projects", body.clone()))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        assert_eq!(answers.iter().filter(|answer| answer.status == 409).count(), 39);
    })
    .await;
}
