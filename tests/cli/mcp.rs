//! `alkhub mcp`: settings that can be pasted, and no key in them.

use serde_json::Value;

use super::program::{ADMIN, Place};

const CLIENTS: [&str; 6] = ["opencode", "opencode-v1", "claude-code", "claude-desktop", "vscode", "generic"];

#[test]
fn every_client_gets_its_settings_and_no_key() {
    let place = Place::new();
    for client in CLIENTS {
        let said = place
            .run(&["mcp", client, "--url", "https://hub.example.org/"], &[("ALKHUB_KEY", ADMIN)])
            .ends(0);
        let settings: Value = serde_json::from_str(&said.out).expect("JSON");
        let text = settings.to_string();
        assert!(text.contains("https://hub.example.org/mcp") && text.contains("Authorization"), "{text}");
        assert!(!said.out.contains(ADMIN) && !said.err.contains(ADMIN), "{client}");
        let said = place.run(&["mcp", client, "--show-key"], &[("ALKHUB_KEY", ADMIN)]).ends(0);
        assert!(said.out.contains(ADMIN) && said.out.contains("http://127.0.0.1:8080/mcp"), "{client}");
    }
    let all = place.run(&["mcp"], &[("ALKHUB_KEY", ADMIN), ("ALKHUB_HUB", "http://10.0.0.1:1")]).ends(0).out;
    assert!(!all.contains(ADMIN));
    assert_eq!(all.matches("http://10.0.0.1:1/mcp").count(), CLIENTS.len(), "{all}");
}

#[test]
fn clients_read_the_key_as_they_do() {
    let place = Place::new();
    let header = |client: &str, path: &str, arguments: &[&str]| -> String {
        let arguments = [&["mcp", client], arguments].concat();
        let settings: Value = serde_json::from_str(&place.run(&arguments, &[]).ends(0).out).expect("JSON");
        settings.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{settings}")).to_owned()
    };
    let named = &["--key-env", "WORK_KEY"][..];
    assert_eq!(
        header("opencode", "/mcp/servers/alkhub/headers/Authorization", &[]),
        "Bearer {env:ALKHUB_KEY}"
    );
    assert_eq!(header("opencode-v1", "/mcp/alkhub/headers/Authorization", named), "Bearer {env:WORK_KEY}");
    assert_eq!(
        header("claude-code", "/mcpServers/alkhub/headers/Authorization", named),
        "Bearer ${WORK_KEY}"
    );
    assert_eq!(header("vscode", "/servers/alkhub/headers/Authorization", &[]), "Bearer ${input:alkhub-key}");
    assert_eq!(header("vscode", "/servers/alkhub/headers/Authorization", named), "Bearer ${env:WORK_KEY}");
    assert_eq!(header("generic", "/mcpServers/alkhub/headers/Authorization", &[]), "Bearer YOUR_KEY");
    assert_eq!(
        header("claude-desktop", "/mcpServers/alkhub/env/ALKHUB_AUTHORIZATION", &[]),
        "Bearer YOUR_KEY"
    );
}

#[test]
fn what_cannot_be_meant_is_wrong_usage() {
    let place = Place::new();
    place.run(&["mcp", "emacs"], &[]).ends(2);
    place.run(&["mcp", "vscode", "--url", "no url"], &[]).ends(2);
    // A key in the place of the variable's name is not printed back.
    let said = place.run(&["mcp", "vscode", "--show-key"], &[]).ends(2);
    assert!(said.err.contains("ALKHUB_KEY"), "{}", said.err);
    place.run(&["mcp", "vscode", "--key-env", "1 2"], &[]).ends(2);
}
