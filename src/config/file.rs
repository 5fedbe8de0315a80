//! Reads `alkhub.toml`: every value with its place, every fault at once.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::keys::{Key, find};
use super::problem::{Origin, Problem};
use super::value::Raw;
use crate::crypto::Sealed;

/// What the file says of one key.
pub(super) struct Entry<'k> {
    pub(super) key: &'k Key,
    pub(super) origin: Origin,
    pub(super) value: Written,
}

/// A value of the file.
pub(super) enum Written {
    Plain(Raw),
    Sealed(Sealed),
}

pub(super) struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl<'a> File<'a> {
    pub(super) fn new(path: &'a Path, text: &'a str) -> Self {
        Self { path, text }
    }

    /// All known values, and all that is wrong with the file itself.
    pub(super) fn read<'k>(&self, keys: &'k [Key]) -> (Vec<Entry<'k>>, Vec<Problem>) {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        let mut problems: Vec<Problem> = errors
            .into_iter()
            .map(|error| Problem {
                origin: self.origin(error.span().map_or(0, |span| span.start)),
                key: None,
                message: error.message().trim().to_owned(),
                help: "the file must be TOML, see https://toml.io".to_owned(),
            })
            .collect();
        let mut entries = Vec::new();
        // After a syntax error the rest is a guess, and faults found in a guess mislead.
        if problems.is_empty() {
            self.walk(table.get_ref(), "", keys, &mut entries, &mut problems);
        }
        (entries, problems)
    }

    fn walk<'k>(
        &self,
        table: &DeTable<'_>,
        prefix: &str,
        keys: &'k [Key],
        entries: &mut Vec<Entry<'k>>,
        problems: &mut Vec<Problem>,
    ) {
        for (name, value) in table {
            let path = format!("{prefix}{}", name.get_ref());
            let section = format!("{path}.");
            let at_name = self.origin(name.span().start);
            if let Some(key) = find(keys, &path) {
                if !key.in_file {
                    problems.push(Problem {
                        origin: at_name,
                        key: Some(path),
                        message: format!("{} may not stand in a file", key.path),
                        help: format!("set the variable {} instead", key.variable()),
                    });
                    continue;
                }
                let origin = self.origin(value.span().start);
                match written(value.get_ref()) {
                    Ok(value) => entries.push(Entry { key, origin, value }),
                    Err(message) => problems.push(Problem {
                        origin,
                        key: Some(path),
                        message: format!("{}: {message}", key.path),
                        help: format!(
                            "expected {}, or what `alkhub config encrypt` prints: {{ key_version, salt, iv, data }}",
                            key.expected
                        ),
                    }),
                }
            } else if keys.iter().any(|key| key.path.starts_with(&section)) {
                match value.get_ref() {
                    DeValue::Table(inner) => self.walk(inner, &section, keys, entries, problems),
                    _ => problems.push(Problem {
                        origin: self.origin(value.span().start),
                        key: None,
                        message: format!("{path} is a section, not a value"),
                        help: format!("write it as [{path}] with keys under it"),
                    }),
                }
            } else {
                let is_section = matches!(value.get_ref(), DeValue::Table(_));
                let kind = if is_section { "section" } else { "key" };
                // A whole unknown section is compared with sections: its keys are not the fault.
                let section = |key: &'k Key| key.path.rsplit_once('.').map(|(section, _)| section);
                let known = keys.iter().filter(|key| key.in_file);
                let known = known.filter_map(|key| if is_section { section(key) } else { Some(key.path) });
                problems.push(Problem {
                    origin: at_name,
                    key: None,
                    message: format!("unknown {kind} `{path}`"),
                    help: super::load::suggest(&path, known),
                });
            }
        }
    }

    /// Line and column of a byte offset, both from 1, the column in characters.
    pub(super) fn origin(&self, offset: usize) -> Origin {
        let before = self.text.get(..offset.min(self.text.len())).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Origin::File {
            path: self.path.to_path_buf(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

fn written(value: &DeValue<'_>) -> Result<Written, String> {
    match value {
        DeValue::Table(table) => sealed(table).map(Written::Sealed),
        other => Ok(Written::Plain(raw(other))),
    }
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.clone().into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Raw::Other("number that is too large"), Raw::Int),
        DeValue::Float(number) => number.as_str().parse().map_or(Raw::Other("float"), Raw::Float),
        DeValue::Boolean(value) => Raw::Bool(*value),
        DeValue::Array(items) => Raw::List(items.iter().map(|item| raw(item.get_ref())).collect()),
        DeValue::Datetime(_) => Raw::Other("date"),
        DeValue::Table(_) => Raw::Other("table"),
    }
}

fn sealed(table: &DeTable<'_>) -> Result<Sealed, String> {
    let (mut version, mut parts) = (None, [None, None, None]);
    for (name, value) in table {
        let text = || value.get_ref().as_str().map(str::to_owned);
        match name.get_ref().as_ref() {
            "key_version" | "keyVersion" => {
                version = value.get_ref().as_integer().and_then(|number| number.as_str().parse().ok());
            }
            "salt" => parts[0] = text(),
            "iv" => parts[1] = text(),
            "data" => parts[2] = text(),
            other => return Err(format!("`{other}` does not belong to an encrypted value")),
        }
    }
    match (version, parts) {
        (Some(key_version), [Some(salt), Some(iv), Some(data)]) => Ok(Sealed { key_version, salt, iv, data }),
        _ => Err("an encrypted value needs key_version (a number), salt, iv and data (strings)".to_owned()),
    }
}
