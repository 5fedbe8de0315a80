//! The types of events: what each tells, and the scope that a reader needs to see it.

use alkhub_core::Identity;

use crate::storage::pattern::Pattern;

/// Scope to see the events that callers publish.
pub const CUSTOM_SCOPE: &str = "event:read";
/// Tells a reader how far it has come, so that it can resume there; made for each reader, and not in the log.
pub const POSITION: &str = "hub.position";

/// A type of event that the hub itself makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventType {
    /// Its name.
    pub name: &'static str,
    /// What it tells.
    pub description: &'static str,
    /// The scope that a reader needs.
    pub scope: &'static str,
}

const fn logged(name: &'static str, scope: &'static str, description: &'static str) -> EventType {
    EventType { name, description, scope }
}

/// All of them.
pub const TYPES: &[EventType] = &[
    logged("project.created", "project:read", "A project was made; `id` is the project's."),
    logged("project.updated", "project:read", "A project got another name, repository or description."),
    logged("project.archived", "project:read", "A project was taken out of use."),
    logged("key.created", "key:read", "A key was made; `id` is the key's. Nothing of its secret is told."),
    logged("key.revoked", "key:read", "A key was ended."),
    logged("key.rotated", "key:read", "A key got another secret."),
    logged("service.added", "service:read", "A service was imported; `id` is its name."),
    logged("service.updated", "service:read", "An imported service was changed."),
    logged("service.removed", "service:read", "An imported service was taken away."),
    logged(
        "service.changed",
        "service:read",
        "An imported service describes its operations otherwise than it was approved.",
    ),
    logged(
        "spoke.connected",
        "spoke:read",
        "A spoke has registered; `id` is empty. It takes the place of an older connection of this spoke.",
    ),
    logged("spoke.disconnected", "spoke:read", "A spoke is gone, and no newer connection has its place."),
];

/// The types that exist here: the hub's, and those that callers may publish.
#[derive(Clone, Debug)]
pub struct Types {
    custom: Vec<Pattern>,
}

impl Types {
    /// With these patterns of types that callers may publish; what is no pattern is left out, which the configuration
    /// does not let come so far.
    #[must_use]
    pub fn new(custom: &[String]) -> Self {
        Self { custom: custom.iter().filter_map(|text| Pattern::parse(text)).collect() }
    }

    /// Whether a caller may publish events of this type.
    #[must_use]
    pub fn is_custom(&self, kind: &str) -> bool {
        is_proper(kind) && self.custom.iter().any(|pattern| pattern.fits(kind))
    }

    /// The scope that a reader needs to see events of this type; `None` where the type is not declared, and only an
    /// admin sees it.
    #[must_use]
    pub fn scope(&self, kind: &str) -> Option<&'static str> {
        let own = TYPES.iter().find(|own| own.name == kind).map(|own| own.scope);
        own.or_else(|| self.is_custom(kind).then_some(CUSTOM_SCOPE))
    }

    /// Whether this identity may see events of this type.
    #[must_use]
    pub fn may_see(&self, identity: &Identity, kind: &str) -> bool {
        identity.is_admin() || self.scope(kind).is_some_and(|scope| identity.has_scope(scope))
    }

    /// All that this identity may see.
    #[must_use]
    pub fn visible(&self, identity: Option<&Identity>) -> Vec<Pattern> {
        let Some(identity) = identity else { return Vec::new() };
        if identity.is_admin() {
            return vec![Pattern::All];
        }
        let own = TYPES.iter().filter(|own| identity.has_scope(own.scope));
        let own = own.map(|own| Pattern::Exactly(own.name.to_owned()));
        let custom = self.custom.iter().filter(|_| identity.has_scope(CUSTOM_SCOPE)).cloned();
        own.chain(custom).collect()
    }
}

/// A name of a type, and not a pattern.
fn is_proper(kind: &str) -> bool {
    matches!(Pattern::parse(kind), Some(Pattern::Exactly(_)))
}

/// Whether callers may be allowed to publish what this pattern means: nothing that could be taken for the hub's own.
#[must_use]
pub fn may_be_custom(pattern: &str) -> bool {
    const RESERVED: [&str; 2] = ["hub.", "event."];
    match Pattern::parse(pattern) {
        None | Some(Pattern::All) => false,
        Some(Pattern::Below(prefix)) => {
            let first = |name: &str| name.split('.').next().map(str::to_owned);
            !RESERVED.iter().any(|reserved| prefix.starts_with(reserved))
                && !TYPES.iter().any(|own| first(own.name) == first(&prefix))
        }
        Some(Pattern::Exactly(name)) => {
            name.contains('.')
                && !RESERVED.iter().any(|prefix| name.starts_with(prefix))
                && !TYPES.iter().any(|own| own.name.split('.').next() == name.split('.').next())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_types_cannot_be_taken_for_the_hubs() {
        for good in ["custom.*", "build.*", "build.done", "custom.ci.*"] {
            assert!(may_be_custom(good), "{good}");
        }
        for bad in [
            "*",
            "hub.x.*",
            "event.a.b.*",
            "project.*",
            "key.x",
            "hub.position",
            "hub.*",
            "event.*",
            "build",
            "spoke.x.*",
            "a b",
        ] {
            assert!(!may_be_custom(bad), "{bad}");
        }
    }

    #[test]
    fn a_reader_sees_what_its_scopes_are_for() {
        let types = Types::new(&["custom.*".to_owned()]);
        let who = |scope: &str| Identity { scopes: vec![scope.to_owned()], ..Identity::default() };
        assert!(types.may_see(&who("project:read"), "project.created"));
        assert!(!types.may_see(&who("project:read"), "key.created"));
        assert!(
            types.may_see(&who("event:read"), "custom.a") && !types.may_see(&who("event:read"), "other.a")
        );
        assert!(types.may_see(&who("admin"), "other.a"));
        assert!(!types.is_custom("custom.*") && !types.is_custom("custom."));
        assert_eq!(types.visible(Some(&who("nothing:at-all"))), []);
        assert_eq!(types.visible(None), []);
    }
}
