//! Patterns of event types: `*`, `project.*`, `project.created`.

use sea_orm::{
    ColumnTrait, DbBackend,
    sea_query::{Condition, Expr, ExprTrait, Func},
};

use super::entity::events::Column;

/// Longest type of an event.
pub const LONGEST_TYPE: usize = 100;

/// Which types are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// All of them.
    All,
    /// Those that begin with this text, which ends with a dot.
    Below(String),
    /// This one.
    Exactly(String),
}

impl Pattern {
    /// Reads a pattern; `None` where the text is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        match text.strip_suffix('*') {
            Some(below) => {
                below.strip_suffix('.').filter(|name| is_type(name)).map(|_| Self::Below(below.to_owned()))
            }
            None => is_type(text).then(|| Self::Exactly(text.to_owned())),
        }
    }

    /// Whether it means this type.
    #[must_use]
    pub fn fits(&self, kind: &str) -> bool {
        match self {
            Self::All => true,
            Self::Below(prefix) => kind.starts_with(prefix),
            Self::Exactly(name) => name == kind,
        }
    }

    fn condition(&self, backend: DbBackend) -> Condition {
        match self {
            Self::All => Condition::all(),
            // `LIKE` heeds case on Postgres alone, and comparing depends on how the database sorts.
            Self::Below(prefix) => {
                let position = if backend == DbBackend::Postgres { "strpos" } else { "instr" };
                let found = Func::cust(position).arg(Expr::col(Column::Kind)).arg(prefix.as_str());
                Condition::all().add(Expr::expr(found).eq(1))
            }
            Self::Exactly(name) => Condition::all().add(Column::Kind.eq(name.as_str())),
        }
    }
}

/// What one of these means; nothing where there is none.
pub(super) fn any(patterns: &[Pattern], backend: DbBackend) -> Condition {
    if patterns.is_empty() {
        return Condition::all().add(Expr::value(false));
    }
    patterns.iter().fold(Condition::any(), |all, pattern| all.add(pattern.condition(backend)))
}

/// Words with dots between them, at least two: letters, digits, `_` and `-`. One word is enough before `.*`.
fn is_type(text: &str) -> bool {
    text.len() <= LONGEST_TYPE
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.split('.').all(|word| {
            !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        })
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn patterns_mean_what_they_say() {
        let fits = |pattern: &str, kind: &str| Pattern::parse(pattern).expect(pattern).fits(kind);
        assert!(fits("*", "project.created"));
        assert!(fits("project.*", "project.created") && fits("project.*", "project.a.b"));
        assert!(!fits("project.*", "projects.created") && !fits("project.*", "project"));
        assert!(fits("project.created", "project.created") && !fits("project.created", "project.created.x"));
        for wrong in ["", "**", "project*", ".*", "a..b", "*.created", "Project.x", "a.b ", "a.*.b", "ä.b"] {
            assert!(Pattern::parse(wrong).is_none(), "{wrong}");
        }
    }
}
