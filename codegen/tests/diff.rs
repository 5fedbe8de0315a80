//! Each rule of the comparison.

use alkhub_codegen::{
    SourceTree,
    compat::{self, Change, Level},
    load,
};

use crate::support::{query, tree};

fn compare(old: &SourceTree, new: &SourceTree) -> Vec<Change> {
    let (before, report) = load(old);
    assert!(!report.failed(), "old: {:?}", report.finish(old));
    let (after, report) = load(new);
    assert!(!report.failed(), "new: {:?}", report.finish(new));
    compat::compare(&before, &after)
}

/// The rules and levels that a change of the one operation's file gives.
fn changes(old: &str, new: &str) -> Vec<(&'static str, Level)> {
    let errors = (
        "_shared/errors.yaml",
        "GONE: { status: 410, description: Gone. }\nFULL: { status: 409, description: Full. }\n",
    );
    let found = compare(&tree(&[("test/get.yaml", old), errors]), &tree(&[("test/get.yaml", new), errors]));
    found.iter().map(|change| (change.rule.as_str(), change.judgement.worst())).collect()
}

const OPEN: &str = "{ type: object, properties: {} }";

fn object(properties: &str, required: &str) -> String {
    format!(
        "{{ type: object, additionalProperties: false, required: [{required}], properties: {{ {properties} }} }}"
    )
}

/// What becomes of a schema in the input, and in the output.
fn both(old: &str, new: &str) -> [Vec<(&'static str, Level)>; 2] {
    let wrap = |schema: &str| object(&format!("a: {schema}"), "");
    [
        changes(&query(&wrap(old), "{ type: string }"), &query(&wrap(new), "{ type: string }")),
        changes(&query(OPEN, &wrap(old)), &query(OPEN, &wrap(new))),
    ]
}

fn check(old: &str, new: &str, rule: &'static str, input: Level, output: Level) {
    assert_eq!(both(old, new), [vec![(rule, input)], vec![(rule, output)]], "{old} -> {new}");
}

use Level::{Breaking, Risky, Safe};

#[test]
fn nothing_changed() {
    let same = query(&object("a: { type: integer }", "a"), "{ type: string }");
    assert!(changes(&same, &same).is_empty());
    // Bounds that are enforced anyway are no change.
    let said = query(&object("a: { type: integer, minimum: -9007199254740991 }", "a"), "{ type: string }");
    assert!(changes(&same, &said).is_empty());
}

#[test]
fn bounds() {
    for (old, new) in [
        ("{ type: string }", "{ type: string, maxLength: 5 }"),
        ("{ type: string, maxLength: 6 }", "{ type: string, maxLength: 5 }"),
        ("{ type: string, minLength: 1 }", "{ type: string, minLength: 2 }"),
        ("{ type: integer }", "{ type: integer, minimum: 0 }"),
        ("{ type: number, maximum: 5 }", "{ type: number, maximum: 4.5 }"),
        ("{ type: array, items: { type: string } }", "{ type: array, maxItems: 3, items: { type: string } }"),
        (
            "{ type: array, items: { type: string } }",
            "{ type: array, uniqueItems: true, items: { type: string } }",
        ),
        ("{ type: string }", "{ type: string, format: uri }"),
        ("{ type: string }", "{ type: string, pattern: a }"),
        ("{ type: string }", "{ type: string, enum: [a] }"),
        ("{ type: number }", "{ type: integer }"),
        (
            "{ type: array, items: { type: string } }",
            "{ type: array, items: { type: string, maxLength: 5 } }",
        ),
    ] {
        check(old, new, "bound-tightened", Breaking, Safe);
        check(new, old, "bound-loosened", Safe, Risky);
    }
    check("{ type: string, pattern: a }", "{ type: string, pattern: b }", "form-changed", Breaking, Risky);
}

#[test]
fn types_and_values() {
    check("{ type: string }", "{ type: boolean }", "schema-type-changed", Breaking, Breaking);
    check("{ type: string }", "{ type: [string, \"null\"] }", "null-allowed", Safe, Breaking);
    check("{ type: [string, \"null\"] }", "{ type: string }", "null-refused", Breaking, Safe);
    check("{ type: string, enum: [a] }", "{ type: string, enum: [a, b] }", "value-added", Safe, Risky);
    check("{ type: string, enum: [a, b] }", "{ type: string, enum: [a] }", "value-removed", Breaking, Safe);
    check("{ type: string, default: a }", "{ type: string, default: b }", "default-changed", Risky, Risky);
    check("{ type: string, x-secret: true }", "{ type: string }", "secret-changed", Safe, Safe);
    check(
        "{ type: object, additionalProperties: { type: string } }",
        "{ type: object, additionalProperties: false }",
        "additional-properties-refused",
        Breaking,
        Safe,
    );
}

#[test]
fn properties() {
    let text = "{ type: string }";
    let one = object("a: { type: string }", "");
    let two = object("a: { type: string }, b: { type: string }", "");
    let required = object("a: { type: string }, b: { type: string }", "b");
    let input = |old: &str, new: &str| changes(&query(old, text), &query(new, text));
    let output = |old: &str, new: &str| changes(&query(OPEN, old), &query(OPEN, new));
    assert_eq!(input(&one, &two), [("optional-property-added", Safe)]);
    assert_eq!(output(&one, &two), [("optional-property-added", Safe)]);
    assert_eq!(input(&one, &required), [("required-property-added", Breaking)]);
    assert_eq!(output(&one, &required), [("required-property-added", Safe)]);
    assert_eq!(input(&two, &one), [("property-removed", Breaking)]);
    assert_eq!(output(&two, &one), [("property-removed", Breaking)]);
    assert_eq!(input(&two, &required), [("property-now-required", Breaking)]);
    assert_eq!(output(&two, &required), [("property-now-required", Safe)]);
    assert_eq!(input(&required, &two), [("property-now-optional", Safe)]);
    assert_eq!(output(&required, &two), [("property-now-optional", Breaking)]);
}

#[test]
fn unions() {
    let branch = |tag: &str| {
        format!("{{ type: object, required: [k], properties: {{ k: {{ type: string, const: {tag} }} }} }}")
    };
    let two = format!("{{ oneOf: [{}, {}] }}", branch("a"), branch("b"));
    let three = format!("{{ oneOf: [{}, {}, {}] }}", branch("a"), branch("b"), branch("c"));
    check(&two, &three, "value-added", Safe, Risky);
    check(&three, &two, "value-removed", Breaking, Safe);
}

#[test]
fn the_operation_itself() {
    let base = query(OPEN, "{ type: string }");
    let with = |line: &str| format!("{base}{line}\n");
    let http = |route: &str| base.replace("http: none", &format!("http: {route}"));
    let scopes = |scopes: &str| base.replace("[\"test:read\"]", scopes);
    let cases: &[(String, String, &str, Level)] = &[
        (base.clone(), base.replace("type: query", "type: subscription"), "type-changed", Breaking),
        (base.clone(), http("GET /api/a"), "route-added", Safe),
        (http("GET /api/a"), base.clone(), "route-removed", Breaking),
        (http("GET /api/a"), http("GET /api/b"), "route-changed", Breaking),
        (http("GET /api/a"), http("POST /api/a"), "route-changed", Breaking),
        (base.clone(), scopes("[\"test:read\", admin]"), "access-raised", Breaking),
        (base.clone(), scopes("[]"), "access-lowered", Risky),
        (
            scopes("[], requiredScopesAny: [a, b]"),
            scopes("[], requiredScopesAny: [a]"),
            "access-raised",
            Breaking,
        ),
        (
            scopes("[], requiredScopesAny: [a]"),
            scopes("[], requiredScopesAny: [a, b]"),
            "access-lowered",
            Risky,
        ),
        (scopes("[]"), scopes("[], requiredScopesAny: [a]"), "access-raised", Breaking),
        (scopes("[]"), scopes("[], resourceType: a, resourceAction: b"), "access-raised", Breaking),
        (base.clone(), with("errors: [GONE]"), "error-added", Risky),
        (with("errors: [GONE]"), base.clone(), "error-removed", Safe),
        (base.clone(), with("errors: [\"*\"]"), "error-added", Risky),
        (with("timeout: 5s"), with("timeout: 1s"), "timeout-shortened", Risky),
        (with("timeout: 1s"), with("timeout: 5s"), "timeout-lengthened", Safe),
        (with("mcp: tool"), base.clone(), "mcp-changed", Breaking),
        (base.clone(), with("mcp: tool"), "mcp-changed", Safe),
        (with("version: 2.0.0"), base.clone(), "version-lowered", Risky),
    ];
    for (old, new, rule, level) in cases {
        assert_eq!(changes(old, new), [(*rule, *level)], "{old}\n->\n{new}");
    }
    let mutation = base.replace("type: query", "type: mutation");
    assert_eq!(
        changes(&format!("{mutation}idempotent: key\n"), &mutation),
        [("idempotency-removed", Breaking)]
    );
    assert_eq!(changes(&mutation, &format!("{mutation}idempotent: key\n")), [("idempotency-added", Safe)]);
    let paged = changes(&base, &with("page: true"));
    assert!(paged.contains(&("paging-changed", Breaking)), "{paged:?}");
}

#[test]
fn operations_come_and_go() {
    let file = query(OPEN, "{ type: string }");
    let other = file.replace("title: Test", "title: Other");
    let found = |old: &[(&str, &str)], new: &[(&str, &str)]| -> Vec<_> {
        compare(&tree(old), &tree(new))
            .iter()
            .map(|c| (c.subject.clone(), c.rule.as_str(), c.judgement.worst()))
            .collect()
    };
    let gone = found(&[("test/a.yaml", &file), ("test/b.yaml", &other)], &[("test/b.yaml", &other)]);
    assert_eq!(gone, [("test.a".to_owned(), "operation-removed", Breaking)]);
    let added = found(&[("test/b.yaml", &other)], &[("test/a.yaml", &file), ("test/b.yaml", &other)]);
    assert_eq!(added, [("test.a".to_owned(), "operation-added", Safe)]);
    let renamed = found(&[("test/a.yaml", &file)], &[("test/c.yaml", &file)]);
    assert_eq!(renamed[0], ("test.a".to_owned(), "operation-renamed", Breaking));
}

#[test]
fn errors_are_changed_for_those_who_declare_them() {
    let file = query(OPEN, "{ type: string }") + "errors: [GONE]\n";
    let at = |status: u16, version: &str| {
        let errors = format!("GONE: {{ status: {status}, description: Gone. }}\n");
        tree(&[("test/a.yaml", &format!("{file}version: {version}\n")), ("_shared/errors.yaml", &errors)])
    };
    let changed = compare(&at(410, "1.0.0"), &at(404, "1.0.0"));
    assert!(changed[0].is_unversioned_break() && changed[0].subject == "errors.GONE");
    assert!(!compare(&at(410, "1.0.0"), &at(404, "2.0.0"))[0].is_unversioned_break());
}

#[test]
fn spokes_are_implementers_in_the_field() {
    let spoke = |output: &str| query(OPEN, output).replace("http: none", "host: spoke");
    let old = spoke(&object("a: { type: string }", ""));
    let new = spoke(&object("a: { type: string }, b: { type: string }", "b"));
    let found = compare(&tree(&[("test/get.yaml", &old)]), &tree(&[("test/get.yaml", &new)]));
    assert_eq!((found[0].judgement.callers, found[0].judgement.implementers), (Safe, Breaking));
    let text = compat::human(&found);
    assert!(
        text.contains("breaking[required-property-added]: test.get:") && text.contains("(for implementers)"),
        "{text}"
    );
}

#[test]
fn a_new_major_version_announces_a_break() {
    let file = |version: &str, kind: &str| {
        query(OPEN, &format!("{{ type: {kind} }}")) + &format!("version: {version}\n")
    };
    let unversioned = |old: &str, new: &str| {
        let (old, new) = (file(old, "string"), file(new, "boolean"));
        compare(&tree(&[("a/b.yaml", &old)]), &tree(&[("a/b.yaml", &new)]))
            .iter()
            .any(Change::is_unversioned_break)
    };
    assert!(unversioned("1.0.0", "1.0.0"));
    assert!(unversioned("1.0.0", "1.1.0"));
    assert!(!unversioned("1.4.0", "2.0.0"));
    assert!(!unversioned("0.1.0", "0.2.0"));
    assert!(unversioned("0.1.0", "0.1.1"));
}
