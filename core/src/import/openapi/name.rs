//! Names of operations: what a document says, in letters that an id may have.

use std::collections::HashSet;

/// Longest name; registered operations have a bound.
const LONGEST: usize = 90;

/// From the operation's id, else from method and path.
pub(super) fn of(operation_id: Option<&str>, method: &str, path: &str) -> String {
    if let Some(id) = operation_id.map(tidy).filter(|id| !id.is_empty()) {
        return id;
    }
    let segments = path.split('?').next().unwrap_or_default().split('/');
    let fixed: Vec<&str> =
        segments.filter(|segment| !segment.is_empty() && !segment.starts_with('{')).collect();
    let rest = tidy(&fixed.join("_"));
    format!("{method}_{}", if rest.is_empty() { "root" } else { &rest })
}

fn tidy(text: &str) -> String {
    let mut name = String::new();
    for letter in text.chars() {
        if name.len() >= LONGEST {
            break;
        }
        if letter.is_ascii_alphanumeric() || letter == '-' {
            name.push(letter);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    name.trim_end_matches('_').to_owned()
}

/// The name itself, or one with a number that nobody has.
pub(super) fn unique(name: String, taken: &mut HashSet<String>) -> String {
    if taken.insert(name.clone()) {
        return name;
    }
    (2..).map(|number| format!("{name}_{number}")).find(|name| taken.insert(name.clone())).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (id, method, path, expected) in [
            (Some("listPets"), "get", "/pets", "listPets"),
            (Some("repos/list-for-user"), "get", "/", "repos_list-for-user"),
            (Some("pets.list (v2)"), "get", "/", "pets_list_v2"),
            (Some("größe"), "get", "/", "gr_e"),
            (Some("__init__"), "get", "/", "init"),
            (Some("…"), "get", "/pets", "get_pets"),
            (None, "get", "/", "get_root"),
            (None, "post", "/pets/{petId}/owners", "post_pets_owners"),
            (None, "get", "/v1/a.b/", "get_v1_a_b"),
            (None, "get", "/{id}", "get_root"),
            (None, "get", "/a?b=c", "get_a"),
        ] {
            assert_eq!(of(id, method, path), expected);
        }
        assert!(of(Some(&"x".repeat(500)), "get", "/").len() <= LONGEST);
        let mut taken = HashSet::new();
        let names = ["a", "a", "a_2", "a"].map(|name| unique(name.to_owned(), &mut taken));
        assert_eq!(names, ["a", "a_2", "a_2_2", "a_3"]);
    }
}
