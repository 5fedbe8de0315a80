//! Facts about a property that typify does not know travel through it in the property's description,
//! behind control characters that no description contains.

/// What a mark says of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Never printed.
    Secret,
    /// Optional and nullable: absent and `null` differ.
    Patch,
}

impl Mark {
    const ALL: [Self; 2] = [Self::Secret, Self::Patch];

    const fn character(self) -> char {
        match self {
            Self::Secret => '\u{1}',
            Self::Patch => '\u{2}',
        }
    }
}

/// The description with marks before it.
pub(super) fn write(marks: &[Mark], description: &str) -> String {
    let text = description.chars().filter(|c| !c.is_control() || *c == '\n');
    marks.iter().map(|mark| mark.character()).chain(text).collect()
}

/// The marks of a description, and the description.
pub(super) fn read(text: &str) -> (Vec<Mark>, &str) {
    let rest = text.trim_start_matches(|c| Mark::ALL.iter().any(|mark| mark.character() == c));
    let written = &text[..text.len() - rest.len()];
    (Mark::ALL.into_iter().filter(|mark| written.contains(mark.character())).collect(), rest)
}
