//! Operation files that come and go while the hub runs.

use std::{fs, time::Duration};

use serde_json::json;

use super::openapi::service::{Service, call, open};
use crate::support::{hub::each_hub_with, until};

#[tokio::test]
async fn files_come_change_and_go() {
    let service = Service::yes().await;
    let directory = tempfile::tempdir().expect("a folder");
    let folder = directory.path().join("things");
    fs::create_dir(&folder).expect("a folder");
    let (path, place) = (folder.join("find.yaml"), directory.path().to_owned());
    let file = |route: &str| {
        format!(
            "type: query\nhttp: GET {}{route}\ninput: {{ type: object, required: [id], properties: {{ id: {{ type: integer }}, q: {{ type: string }} }} }}\n",
            service.url
        )
    };
    let configure = move |config: &mut alkhub::config::Config| {
        open(config);
        config.directory.imports = Some(place.clone());
    };
    each_hub_with(configure, async |hub| {
        let _ = fs::remove_file(&path);
        let status = async |id: &str| call(hub, id, json!({ "id": 7, "q": "x" })).await.status.as_u16();
        let patience = Duration::from_secs(30);
        assert_eq!(status("things.find").await, 404);
        fs::write(&path, file("/v1/{id}")).expect("written");
        until("the operation is served", patience, async || status("things.find").await == 200).await;
        assert_eq!(service.last().target, "/v1/7?q=x");
        assert_eq!(call(hub, "things.find", json!({})).await.faults(), ["/id"]);
        let stranger = hub.key(&["other:scope"]).await;
        let refused =
            hub.post_as(&stranger, "/api/call", json!({ "operationId": "things.find", "input": {} })).await;
        refused.problem(403, "ACCESS_DENIED");

        fs::write(&path, file("/version2/{id}")).expect("written");
        let changed =
            async || status("things.find").await == 200 && service.last().target == "/version2/7?q=x";
        until("the change is served", patience, changed).await;
        // One that is wrong changes nothing, and another one beside it is served.
        fs::write(&path, "type: wrong\n").expect("written");
        fs::write(folder.join("other.yml"), file("/other/{id}")).expect("written");
        until("the other is served", patience, async || status("things.other").await == 200).await;
        assert_eq!(status("things.find").await, 200);
        fs::create_dir_all(directory.path().join("project")).expect("a folder");
        fs::write(directory.path().join("project/list.yaml"), file("/stolen/{id}")).expect("written");
        fs::remove_file(&path).expect("removed");
        until("the operation is gone", patience, async || status("things.find").await == 404).await;
        assert!(hub.get("/api/projects").await.ok()["items"].is_array(), "what is the hub's stays so");
        fs::remove_file(folder.join("other.yml")).expect("removed");
    })
    .await;
}
