//! As much of `Cargo.toml` as says who depends on whom.

/// A dependency as a manifest writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dependency {
    pub(super) line: usize,
    pub(super) table: Table,
    /// The key, which may be another name for the package.
    pub(super) key: String,
    /// The value of `package`, where it has one.
    pub(super) package: Option<String>,
    /// The value of `path`, where it has one.
    pub(super) path: Option<String>,
}

/// The table of a dependency; those for one target count as those for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Normal,
    Dev,
    Build,
    /// `[workspace.dependencies]`, which only gives names.
    Workspace,
}

impl Table {
    /// As manifests write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Normal => "dependencies",
            Self::Dev => "dev-dependencies",
            Self::Build => "build-dependencies",
            Self::Workspace => "workspace.dependencies",
        }
    }
}

/// What a manifest says.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    /// `package.name`.
    pub(super) name: Option<String>,
    /// `workspace.members`, each with its line.
    pub(super) members: Vec<(usize, String)>,
    pub(super) dependencies: Vec<Dependency>,
}

/// Reads a manifest.
pub(super) fn parse(text: &str) -> Manifest {
    let mut manifest = Manifest::default();
    let mut section: Vec<String> = Vec::new();
    for (line, statement) in statements(text) {
        if let Some(header) = statement.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = keys(header.trim_matches(['[', ']']));
            // `[dependencies.name]`: the statements below tell of it.
            if let Some((table, [key])) = table(&section) {
                manifest.dependency(line, table, key);
            }
            continue;
        }
        let Some((key, value)) = split_once_outside_strings(&statement, '=') else { continue };
        let mut path = section.clone();
        path.extend(keys(key));
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["package", "name"] => manifest.name = strings(value).pop(),
            ["workspace", "members"] => {
                manifest.members = strings(value).into_iter().map(|member| (line, member)).collect();
            }
            _ => manifest.take(line, &path, value),
        }
    }
    manifest
}

impl Manifest {
    fn dependency(&mut self, line: usize, table: Table, key: &str) -> &mut Dependency {
        let known = self.dependencies.iter().position(|known| known.table == table && known.key == key);
        let at = known.unwrap_or_else(|| {
            let key = key.to_owned();
            self.dependencies.push(Dependency { line, table, key, package: None, path: None });
            self.dependencies.len() - 1
        });
        &mut self.dependencies[at]
    }

    /// `name = value`, `name.key = value`, or a key of `[dependencies.name]`.
    fn take(&mut self, line: usize, path: &[String], value: &str) {
        let Some((table, rest)) = table(path) else { return };
        match rest {
            [key] => {
                let dependency = self.dependency(line, table, key);
                let inline = value.trim().trim_start_matches('{').trim_end_matches('}');
                for (name, value) in split_outside_strings(inline, ',')
                    .into_iter()
                    .filter_map(|pair| split_once_outside_strings(pair, '='))
                {
                    dependency.set(name.trim(), value);
                }
            }
            [key, name] => self.dependency(line, table, key).set(name, value),
            _ => {}
        }
    }
}

impl Dependency {
    fn set(&mut self, name: &str, value: &str) {
        match name {
            "package" => self.package = strings(value).pop(),
            "path" => self.path = strings(value).pop(),
            _ => {}
        }
    }
}

/// The table of dependencies that a path of keys begins with, and the keys after it.
fn table(path: &[String]) -> Option<(Table, &[String])> {
    let (table, rest) = match path {
        [first, rest @ ..] if first != "target" && first != "workspace" => (first, rest),
        [target, _, table, rest @ ..] if target == "target" => (table, rest),
        [workspace, dependencies, rest @ ..]
            if workspace == "workspace" && dependencies == "dependencies" =>
        {
            return Some((Table::Workspace, rest));
        }
        _ => return None,
    };
    match table.as_str() {
        "dependencies" => Some((Table::Normal, rest)),
        "dev-dependencies" | "dev_dependencies" => Some((Table::Dev, rest)),
        "build-dependencies" | "build_dependencies" => Some((Table::Build, rest)),
        _ => None,
    }
}

/// Headers and assignments with their lines, without comments; one of several lines counts as one.
fn statements(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut open = 0_usize;
    for (number, line) in text.lines().enumerate() {
        let line = split_once_outside_strings(line, '#').map_or(line, |(before, _)| before).trim();
        if line.is_empty() {
            continue;
        }
        match found.last_mut() {
            Some((_, last)) if open > 0 => last.push_str(line),
            _ => found.push((number + 1, line.to_owned())),
        }
        let outside = outside_strings(line);
        let opening = outside.matches(['[', '{']).count();
        let closing = outside.matches([']', '}']).count();
        open = (open + opening).saturating_sub(closing);
    }
    found
}

/// The text with its strings left out.
fn outside_strings(text: &str) -> String {
    let mut quote = None;
    let mut kept = String::new();
    for char in text.chars() {
        match quote {
            Some(open) if char == open => quote = None,
            Some(_) => {}
            None if matches!(char, '"' | '\'') => quote = Some(char),
            None => kept.push(char),
        }
    }
    kept
}

fn keys(dotted: &str) -> Vec<String> {
    let unquoted = |key: &str| key.trim().trim_matches(['"', '\'']).to_owned();
    split_outside_strings(dotted, '.').into_iter().map(unquoted).collect()
}

/// The contents of every string of a value.
fn strings(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some(open) = rest.find(['"', '\'']) {
        let (quote, inside) = (&rest[open..=open], &rest[open + 1..]);
        let (text, after) = inside.split_once(quote).unwrap_or((inside, ""));
        found.push(text.to_owned());
        rest = after;
    }
    found
}

fn split_once_outside_strings(text: &str, at: char) -> Option<(&str, &str)> {
    let first = split_outside_strings(text, at)[0];
    text.get(first.len() + at.len_utf8()..).map(|rest| (first, rest))
}

fn split_outside_strings(text: &str, at: char) -> Vec<&str> {
    let mut quote = None;
    text.split(|char: char| {
        match quote {
            Some(open) if char == open => quote = None,
            None if matches!(char, '"' | '\'') => quote = Some(char),
            _ => {}
        }
        quote.is_none() && char == at
    })
    .collect()
}
