//! What a caller may give to others: what it has itself.

use std::collections::BTreeMap;

use alkhub_api::errors::GrantExceeded;
use alkhub_core::Identity;

/// The rights among these that the caller does not have; `None` where it has them all.
#[must_use]
pub fn exceeded(
    caller: Option<&Identity>,
    scopes: &[String],
    resources: &BTreeMap<String, Vec<String>>,
) -> Option<GrantExceeded> {
    if caller.is_some_and(Identity::is_admin) {
        return None;
    }
    let lacks_scope = |scope: &&String| !caller.is_some_and(|caller| caller.has_scope(scope));
    let lacks_action = |key: &str, action: &String| {
        !caller.is_some_and(|caller| caller.resources.get(key).is_some_and(|held| held.contains(action)))
    };
    // A key for some spoke ids alone does not make one for all of them.
    let limited: Vec<&str> =
        caller.map(|caller| crate::spokes::patterns(caller).collect()).unwrap_or_default();
    let names_spokes = resources
        .iter()
        .any(|(key, actions)| key.starts_with("spoke:") && actions.iter().any(|action| action == "connect"));
    let widens = !limited.is_empty() && !names_spokes;
    let lacks_scope = |scope: &&String| lacks_scope(scope) || (widens && *scope == "spoke:connect");
    let scopes: Vec<String> = scopes.iter().filter(lacks_scope).cloned().collect();
    let resources: Vec<String> = resources
        .iter()
        .filter(|(key, actions)| actions.iter().any(|action| lacks_action(key, action)))
        .map(|(key, _)| key.clone())
        .collect();
    let some = |lacking: Vec<String>| (!lacking.is_empty()).then_some(lacking);
    let (scopes, resources) = (some(scopes), some(resources));
    (scopes.is_some() || resources.is_some()).then_some(GrantExceeded { scopes, resources })
}
