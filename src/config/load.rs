//! Puts the configuration together: defaults, then the file, then variables, then flags.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::file::{Entry, File, Written};
use super::keys::{self, Key};
use super::problem::{Origin, Problem, Problems};
use super::value::Raw;
use super::{Config, Secret, Shown, env, rules};

/// The file that is read when none is named.
const DEFAULT_FILE: &str = "alkhub.toml";

/// A value given on the command line.
#[derive(Debug, Clone)]
pub struct Flag {
    /// The flag, with its dashes.
    pub name: &'static str,
    /// The key that it sets.
    pub key: &'static str,
    /// What was given.
    pub value: String,
}

/// All that a configuration is made from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file given by `--config`.
    pub file: Option<PathBuf>,
    /// Where `alkhub.toml` is looked for; `None` looks nowhere.
    pub directory: Option<PathBuf>,
    /// The environment.
    pub variables: Vec<(OsString, OsString)>,
    /// Values given on the command line.
    pub flags: Vec<Flag>,
}

impl Sources {
    /// The environment and directory of this process.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>, flags: Vec<Flag>) -> Self {
        Self { file, directory: Some(PathBuf::new()), variables: std::env::vars_os().collect(), flags }
    }

    /// The file to read, and who named it: `--config`, `ALKHUB_CONFIG`, or nobody for `./alkhub.toml`, which need not be
    /// there.
    #[must_use]
    pub fn path(&self) -> Option<(PathBuf, Option<Origin>)> {
        let variable =
            self.variables.iter().find(|(name, value)| name == "ALKHUB_CONFIG" && !value.is_empty());
        match (&self.file, variable) {
            (Some(path), _) => Some((path.clone(), Some(Origin::Flag { name: "--config".to_owned() }))),
            (None, Some((_, value))) => {
                Some((PathBuf::from(value), Some(Origin::Env { name: "ALKHUB_CONFIG".to_owned() })))
            }
            (None, None) => Some((self.directory.as_ref()?.join(DEFAULT_FILE), None)),
        }
    }
}

/// A configuration, and where each value of it came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    origins: BTreeMap<&'static str, Origin>,
    encrypted: Vec<&'static str>,
}

impl Loaded {
    /// Every key with its value, as it may be shown, and its origin.
    #[must_use]
    pub fn entries(&self) -> Vec<(Key, Shown, Origin)> {
        let show = |key: Key| {
            let hidden = self.encrypted.contains(&key.path);
            let shown = if hidden { Shown::Hidden } else { key.show(&self.config) };
            let origin = self.origin(key.path);
            (key, shown, origin)
        };
        keys::all().into_iter().map(show).collect()
    }

    /// Keys whose value was written encrypted, and is not to be shown.
    #[must_use]
    pub fn encrypted(&self) -> &[&'static str] {
        &self.encrypted
    }

    /// Where the value of a key came from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }
}

/// Reads everything, and refuses it with everything that is wrong.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    let (loaded, problems) = examine(sources);
    if problems.is_empty() { Ok(loaded) } else { Err(Problems(problems)) }
}

/// What can be read, and everything that is wrong: for commands that look for faults.
#[must_use]
pub fn examine(sources: &Sources) -> (Loaded, Vec<Problem>) {
    let keys = keys::all();
    let mut state = State {
        loaded: Loaded {
            config: Config::default(),
            file: None,
            origins: BTreeMap::new(),
            encrypted: Vec::new(),
        },
        problems: Vec::new(),
    };
    let text = state.find_file(sources);
    let path = state.loaded.file.clone().unwrap_or_default();
    let (entries, problems) =
        text.as_deref().map_or_else(Default::default, |text| File::new(&path, text).read(&keys));
    state.problems.extend(problems);
    let (variables, problems) = env::read(&sources.variables, &keys);
    state.problems.extend(problems);

    // The master key first: values of the file may need it.
    let is_master = |key: &Key| key.path.starts_with("secrets.");
    let (master, rest): (Vec<Entry<'_>>, Vec<Entry<'_>>) =
        entries.into_iter().partition(|e| is_master(e.key));
    master.into_iter().for_each(|entry| state.apply_entry(entry));
    for (key, origin, value) in variables.iter().filter(|(key, ..)| is_master(key)) {
        state.apply(key, origin, &Raw::Text(value.clone()));
    }
    state.read_master_key();

    rest.into_iter().for_each(|entry| state.apply_entry(entry));
    for (key, origin, value) in variables.iter().filter(|(key, ..)| !is_master(key)) {
        state.apply(key, origin, &Raw::Text(value.clone()));
    }
    for flag in &sources.flags {
        if let Some(key) = keys::find(&keys, flag.key) {
            let origin = Origin::Flag { name: flag.name.to_owned() };
            state.apply(key, &origin, &Raw::Text(flag.value.clone()));
        }
    }
    state.check_rules();
    state.problems.sort_by_key(|problem| match problem.origin {
        Origin::File { line, column, .. } => (0, line, column),
        _ => (1, 0, 0),
    });
    (state.loaded, state.problems)
}

struct State {
    loaded: Loaded,
    problems: Vec<Problem>,
}

impl State {
    /// The text of the file.
    fn find_file(&mut self, sources: &Sources) -> Option<String> {
        let (path, named_by) = sources.path()?;
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                self.loaded.file = Some(path);
                Some(text)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named_by.is_none() => None,
            Err(error) => {
                self.problems.push(Problem {
                    origin: named_by.unwrap_or_else(|| Origin::File {
                        path: path.clone(),
                        line: 1,
                        column: 1,
                    }),
                    key: None,
                    message: format!("cannot read {}: {error}", path.display()),
                    help: "name a file that exists, is readable and is UTF-8 text".to_owned(),
                });
                None
            }
        }
    }

    fn apply(&mut self, key: &Key, origin: &Origin, raw: &Raw) {
        match key.set(&mut self.loaded.config, raw, origin) {
            Ok(()) => {
                self.loaded.origins.insert(key.path, origin.clone());
                self.loaded.encrypted.retain(|path| *path != key.path);
            }
            Err(problem) => self.problems.push(problem),
        }
    }

    fn apply_entry(&mut self, Entry { key, origin, value }: Entry<'_>) {
        let sealed = match value {
            Written::Plain(raw) => return self.apply(key, &origin, &raw),
            Written::Sealed(sealed) => sealed,
        };
        let refuse = |message: String, help: &str| Problem {
            origin: origin.clone(),
            key: Some(key.path.to_owned()),
            message: format!("{}: {message}", key.path),
            help: help.to_owned(),
        };
        let Some(master) = &self.loaded.config.secrets.master_key else {
            let help = "set ALKHUB_MASTER_KEY or secrets.master_key_file";
            self.problems.push(refuse("the value is encrypted and there is no master key".to_owned(), help));
            return;
        };
        let opened = crate::crypto::open(master.expose(), &sealed).map_err(|error| error.to_string());
        match opened.and_then(|bytes| {
            String::from_utf8(bytes.to_vec()).map_err(|_| "the decrypted value is not UTF-8".to_owned())
        }) {
            Ok(text) => {
                self.apply(key, &origin, &Raw::Hidden(Secret::new(text)));
                self.loaded.encrypted.push(key.path);
            }
            Err(message) => {
                let help = "encrypt it again with `alkhub config encrypt` under the present master key";
                self.problems.push(refuse(message, help));
            }
        }
    }

    /// Reads the master key from its file, unless the environment gave it.
    fn read_master_key(&mut self) {
        let secrets = &mut self.loaded.config.secrets;
        let (None, Some(path)) = (&secrets.master_key, &secrets.master_key_file) else { return };
        let path: &Path = path;
        let fault = match std::fs::read_to_string(path) {
            Ok(text) if text.trim().is_empty() => format!("{} is empty", path.display()),
            Ok(text) => {
                let origin = Origin::File { path: path.to_path_buf(), line: 1, column: 1 };
                secrets.master_key = Some(Secret::new(text.trim()));
                self.loaded.origins.insert("secrets.master_key", origin);
                return;
            }
            Err(error) => format!("cannot read {}: {error}", path.display()),
        };
        self.problems.push(Problem {
            origin: self.loaded.origin("secrets.master_key_file"),
            key: Some("secrets.master_key_file".to_owned()),
            message: format!("secrets.master_key_file: {fault}"),
            help: "make one with: (umask 077; head -c 32 /dev/urandom | base64 > master.key)".to_owned(),
        });
    }

    fn check_rules(&mut self) {
        for (key, fault) in rules::faults(&self.loaded.config) {
            // A value that could not be read stands at its default; its own fault is already told.
            let origin = self.loaded.origin(key);
            self.problems.push(Problem {
                origin,
                key: Some(key.to_owned()),
                message: format!("{key}: {}", fault.wrong),
                help: format!("expected {}", fault.right),
            });
        }
    }
}

/// The nearest known name, as a help line.
pub(super) fn suggest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let leaf = |name: &str| name.rsplit(['.']).next().unwrap_or(name).to_lowercase();
    let in_other_section = known.iter().find(|name| leaf(name) == leaf(written) && name.contains('.'));
    let nearest = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&written.to_lowercase(), &name.to_lowercase()), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, name)| *distance <= (name.chars().count() / 3).max(2))
        .map(|(_, name)| name);
    match in_other_section.or(nearest) {
        Some(name) => format!("did you mean `{name}`?"),
        None => "`alkhub config check` lists every key; docs/configuration.md explains them".to_owned(),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
