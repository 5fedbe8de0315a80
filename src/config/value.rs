//! How each type of value is read from text or TOML, and how it is shown again.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::units::{duration_text, parse_duration, parse_size, size_text};
use super::{LogFormat, Provider, Recording, Secret};
use crate::outbound::Allowed;
use crate::rate::{OperationQuota, Quota};

/// A value as it was written, before its type is known.
#[derive(Debug, Clone)]
pub(super) enum Raw {
    /// A TOML string, a variable or a flag.
    Text(String),
    /// The text of a decrypted value, which must not be quoted in a message.
    Hidden(Secret),
    /// A TOML integer.
    Int(i64),
    /// A TOML float.
    Float(f64),
    /// A TOML boolean.
    Bool(bool),
    /// A TOML array.
    List(Vec<Raw>),
    /// Something that no key takes, by its TOML name.
    Other(&'static str),
}

impl Raw {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Hidden(secret) => Some(secret.expose()),
            _ => None,
        }
    }

    /// What was written, for a message.
    pub(super) fn quoted(&self) -> String {
        match self {
            Self::Text(text) => format!("`{text}`"),
            Self::Hidden(_) => "the decrypted value".to_owned(),
            Self::Int(number) => format!("`{number}`"),
            Self::Float(number) => format!("`{number}`"),
            Self::Bool(value) => format!("`{value}`"),
            Self::List(_) => "a list".to_owned(),
            Self::Other(name) => format!("a {name}"),
        }
    }
}

/// A value as `config check` shows it.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// Not set.
    Unset,
    /// Set, but nobody's business.
    Hidden,
    /// In the clear.
    Plain(serde_json::Value),
}

/// A type that a key can have.
pub(super) trait Value: Sized {
    /// What would be right, as it ends the sentence "expected ...".
    const EXPECTED: &'static str;
    /// Whether the text of a wrong value may stand in a message.
    const SECRET: bool = false;
    fn read(raw: &Raw) -> Option<Self>;
    fn show(&self) -> Shown;
}

fn plain(value: impl Into<serde_json::Value>) -> Shown {
    Shown::Plain(value.into())
}

impl<T: Value> Value for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    const SECRET: bool = T::SECRET;

    fn read(raw: &Raw) -> Option<Self> {
        T::read(raw).map(Some)
    }

    fn show(&self) -> Shown {
        self.as_ref().map_or(Shown::Unset, T::show)
    }
}

impl Value for String {
    const EXPECTED: &'static str = "a string that is not empty";

    fn read(raw: &Raw) -> Option<Self> {
        raw.text().filter(|text| !text.trim().is_empty()).map(str::to_owned)
    }

    fn show(&self) -> Shown {
        plain(self.as_str())
    }
}

impl Value for Secret {
    const EXPECTED: &'static str = "a string that is not empty";
    const SECRET: bool = true;

    fn read(raw: &Raw) -> Option<Self> {
        String::read(raw).map(Secret::new)
    }

    fn show(&self) -> Shown {
        Shown::Hidden
    }
}

impl Value for PathBuf {
    const EXPECTED: &'static str = "a path";

    fn read(raw: &Raw) -> Option<Self> {
        String::read(raw).map(PathBuf::from)
    }

    fn show(&self) -> Shown {
        plain(self.to_string_lossy().into_owned())
    }
}

impl Value for SocketAddr {
    const EXPECTED: &'static str =
        "an IP address and a port, such as `127.0.0.1:8080`, or `0.0.0.0:8080` for every interface";

    fn read(raw: &Raw) -> Option<Self> {
        let text = raw.text()?.trim();
        // `localhost` is what people type, and it means one thing only.
        match text.strip_prefix("localhost:") {
            Some(port) => Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?))),
            None => text.parse().ok(),
        }
    }

    fn show(&self) -> Shown {
        plain(self.to_string())
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "`true` or `false`";

    fn read(raw: &Raw) -> Option<Self> {
        match raw {
            Raw::Bool(value) => Some(*value),
            other => match other.text()?.trim() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" => Some(false),
                _ => None,
            },
        }
    }

    fn show(&self) -> Shown {
        plain(*self)
    }
}

impl Value for u32 {
    const EXPECTED: &'static str = "a whole number from 0 to 4294967295";

    fn read(raw: &Raw) -> Option<Self> {
        u64::read(raw)?.try_into().ok()
    }

    fn show(&self) -> Shown {
        plain(*self)
    }
}

impl Value for u64 {
    const EXPECTED: &'static str = "a whole number, 0 or more";

    fn read(raw: &Raw) -> Option<Self> {
        match raw {
            Raw::Int(number) => u64::try_from(*number).ok(),
            other => other.text()?.trim().replace('_', "").parse().ok(),
        }
    }

    fn show(&self) -> Shown {
        plain(*self)
    }
}

/// A `usize` is a count; sizes in bytes are read by [`Size`].
impl Value for usize {
    const EXPECTED: &'static str = <u64 as Value>::EXPECTED;

    fn read(raw: &Raw) -> Option<Self> {
        u64::read(raw)?.try_into().ok()
    }

    fn show(&self) -> Shown {
        plain(*self as u64)
    }
}

impl Value for f64 {
    const EXPECTED: &'static str = "a number";

    fn read(raw: &Raw) -> Option<Self> {
        match raw {
            Raw::Float(number) => Some(*number),
            #[expect(clippy::cast_precision_loss, reason = "no key takes a number that large")]
            Raw::Int(number) => Some(*number as f64),
            other => other.text()?.trim().parse().ok(),
        }
        .filter(|number| number.is_finite())
    }

    fn show(&self) -> Shown {
        plain(*self)
    }
}

impl Value for Duration {
    const EXPECTED: &'static str = "a duration with its unit, such as `500ms`, `30s`, `5m`, `1h` or `1h30m`";

    fn read(raw: &Raw) -> Option<Self> {
        parse_duration(raw.text()?)
    }

    fn show(&self) -> Shown {
        plain(duration_text(*self))
    }
}

impl Value for Vec<String> {
    const EXPECTED: &'static str =
        "a list of strings (in a variable: separated by commas, or empty for none)";

    fn read(raw: &Raw) -> Option<Self> {
        match raw {
            Raw::List(items) => items.iter().map(String::read).collect(),
            other => {
                let parts = other.text()?.split(',').map(str::trim).filter(|part| !part.is_empty());
                Some(parts.map(str::to_owned).collect())
            }
        }
    }

    fn show(&self) -> Shown {
        plain(self.clone())
    }
}

impl Value for Quota {
    const EXPECTED: &'static str =
        "`off`, or calls and a time of whole seconds up to a day, such as `100/1s` or `6000/1m`";

    fn read(raw: &Raw) -> Option<Self> {
        Self::parse(raw.text()?)
    }

    fn show(&self) -> Shown {
        plain(self.to_string())
    }
}

impl Value for Vec<OperationQuota> {
    const EXPECTED: &'static str =
        "a list such as `project.create=10/1m`, `kit.*=off`, where `*` stands for any characters";

    fn read(raw: &Raw) -> Option<Self> {
        Vec::<String>::read(raw)?.iter().map(|limit| OperationQuota::parse(limit)).collect()
    }

    fn show(&self) -> Shown {
        plain(self.iter().map(ToString::to_string).collect::<Vec<_>>())
    }
}

impl Value for Vec<Allowed> {
    const EXPECTED: &'static str = "a list of addresses, networks or hosts, each with or without a port, such as `10.1.0.0/16`, `127.0.0.1:11434`, `*.corp.example`";

    fn read(raw: &Raw) -> Option<Self> {
        Vec::<String>::read(raw)?.iter().map(|place| place.parse().ok()).collect()
    }

    fn show(&self) -> Shown {
        plain(self.iter().map(ToString::to_string).collect::<Vec<_>>())
    }
}

impl Value for Provider {
    const EXPECTED: &'static str = "`none`, `searxng` or `brave`";

    fn read(raw: &Raw) -> Option<Self> {
        match raw.text()?.trim() {
            "none" => Some(Self::None),
            "searxng" => Some(Self::Searxng),
            "brave" => Some(Self::Brave),
            _ => None,
        }
    }

    fn show(&self) -> Shown {
        plain(match self {
            Self::None => "none",
            Self::Searxng => "searxng",
            Self::Brave => "brave",
        })
    }
}

impl Value for Recording {
    const EXPECTED: &'static str = "`declared`, `metadata` or `off`";

    fn read(raw: &Raw) -> Option<Self> {
        match raw.text()?.trim() {
            "declared" => Some(Self::Declared),
            "metadata" => Some(Self::Metadata),
            "off" => Some(Self::Off),
            _ => None,
        }
    }

    fn show(&self) -> Shown {
        plain(match self {
            Self::Declared => "declared",
            Self::Metadata => "metadata",
            Self::Off => "off",
        })
    }
}

impl Value for LogFormat {
    const EXPECTED: &'static str = "`auto`, `pretty` or `json`";

    fn read(raw: &Raw) -> Option<Self> {
        match raw.text()?.trim() {
            "auto" => Some(Self::Auto),
            "pretty" => Some(Self::Pretty),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    fn show(&self) -> Shown {
        plain(match self {
            Self::Auto => "auto",
            Self::Pretty => "pretty",
            Self::Json => "json",
        })
    }
}

/// A number of bytes, written with or without its unit.
pub(super) struct Size(pub(super) usize);

impl Value for Size {
    const EXPECTED: &'static str = "a size such as `512`, `16KiB`, `2MiB` or `1GiB`";

    fn read(raw: &Raw) -> Option<Self> {
        match raw {
            Raw::Int(number) => usize::try_from(*number).ok().map(Self),
            other => parse_size(other.text()?).map(Self),
        }
    }

    fn show(&self) -> Shown {
        plain(size_text(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_may_be_text_but_not_a_fraction() {
        assert_eq!(u64::read(&Raw::Text("10_000".into())), Some(10_000));
        assert_eq!(u64::read(&Raw::Int(-1)), None);
        assert_eq!(u64::read(&Raw::Float(1.0)), None);
        assert_eq!(u32::read(&Raw::Int(1 << 40)), None);
        assert_eq!(f64::read(&Raw::Text("NaN".into())), None);
    }

    #[test]
    fn localhost_is_an_address() {
        assert_eq!(
            SocketAddr::read(&Raw::Text("localhost:0".into())),
            Some(SocketAddr::from(([127, 0, 0, 1], 0)))
        );
        assert_eq!(SocketAddr::read(&Raw::Text("8080".into())), None);
    }
}
