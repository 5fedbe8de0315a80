//! What is stored of an MCP server, and which programs may be started as one.

use std::{collections::BTreeMap, fmt};

use alkhub_core::CallError;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::outbound::Guard;

/// An MCP server as it is stored. One of `url` and `stdio` is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// Where it speaks streamable HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The program that speaks over its standard input and output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdio: Option<Program>,
    /// Whether tools that were changed are refused until they are approved.
    #[serde(default)]
    pub pin: bool,
    /// Scopes that a caller of its tools must hold.
    #[serde(default)]
    pub required_scopes: Vec<String>,
    /// Version of its operations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Names of the headers that are sent; their values are credentials.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Names of the variables that the program gets; their values are credentials.
    #[serde(default)]
    pub env: Vec<String>,
    /// Whether a bearer token is sent.
    #[serde(default)]
    pub bearer: bool,
}

/// A program with its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Path of the program.
    pub command: String,
    /// Arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// The folder that it runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
}

/// What is sealed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Sent as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer: Option<String>,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Variables of the program.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([secret])")
    }
}

impl Credentials {
    /// As the vault gives them.
    ///
    /// # Errors
    /// EXECUTION_ERROR where they are not of this form.
    pub fn read(opened: Option<&[u8]>) -> Result<Self, CallError> {
        let Some(opened) = opened else { return Ok(Self::default()) };
        // The cause would quote a part of them.
        serde_json::from_slice(opened)
            .map_err(|_| CallError::internal(&"stored credentials are not readable"))
    }

    /// As the vault seals them; `None` where there are none.
    ///
    /// # Errors
    /// EXECUTION_ERROR.
    pub fn write(&self) -> Result<Option<Zeroizing<Vec<u8>>>, CallError> {
        if *self == Self::default() {
            return Ok(None);
        }
        serde_json::to_vec(self)
            .map(|text| Some(Zeroizing::new(text)))
            .map_err(|error| CallError::internal(&error))
    }

    /// Notes in the configuration what there is, without the values.
    pub fn name_in(&self, config: &mut Config) {
        config.bearer = self.bearer.is_some();
        config.headers = self.headers.keys().cloned().collect();
        config.env = self.env.keys().cloned().collect();
    }
}

/// Variables by which interpreters, loaders, shells and tools are told to run something else than what stands in their
/// command line. A list of what is known; programs that are allowed should be ones that take no such orders.
const STEERING: &[&str] = &[
    "BASH*",
    "BUN_*",
    "BUNDLE_*",
    "CARGO_*",
    "CDPATH",
    "CLASSPATH",
    "COMPLUS_*",
    "CORECLR_*",
    "CURL_*",
    "DENO_*",
    "DOCKER_*",
    "DOTNET_*",
    "DYLD_*",
    "EDITOR",
    "ELECTRON_*",
    "ENV",
    "GCONV_PATH",
    "GEM_*",
    "GIT_*",
    "GLIBC_*",
    "GO*",
    "HOME",
    "IFS",
    "JAVA_*",
    "JDK_*",
    "LD_*",
    "LUA_*",
    "MALLOC_*",
    "NODE_*",
    "NPM_*",
    "OPENSSL_*",
    "PAGER",
    "PATH",
    "PERL*",
    "PHP*",
    "PIP_*",
    "PIPX_*",
    "PNPM_*",
    "PROMPT_COMMAND",
    "PS4",
    "PYTHON*",
    "RUBY*",
    "RUST*",
    "SHELL*",
    "SSH_*",
    "SSL_CERT_*",
    "TMPDIR",
    "UV_*",
    "VIRTUAL_ENV",
    "VISUAL",
    "XDG_*",
    "YARN_*",
    "_JAVA_OPTIONS",
];

/// Programs that may be started, and what they see of the hub's environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stdio {
    /// Command lines, exactly; one that ends with ` *` allows any arguments.
    pub allow: Vec<String>,
    /// Names of variables that are passed on.
    pub env: Vec<String>,
}

impl Stdio {
    /// Whether this program may be started with these arguments.
    #[must_use]
    pub fn allows(&self, program: &Program) -> bool {
        let wanted = std::iter::once(&program.command).chain(&program.args);
        self.allows_anything(program)
            || self.allow.iter().any(|line| line.split_whitespace().eq(wanted.clone()))
    }

    /// Whether it may be started with whatever arguments.
    fn allows_anything(&self, program: &Program) -> bool {
        let commands = self.allow.iter().filter_map(|line| line.strip_suffix(" *"));
        commands.map(str::trim).any(|command| command == program.command)
    }

    /// Why this variable cannot be given to this program, if it cannot: it would decide what is run, which the allowed
    /// command line is to do alone.
    fn refuses(&self, program: &Program, name: &str) -> Option<&'static str> {
        if name.is_empty() || name.contains('=') {
            return Some("is no name of a variable");
        }
        if self.allows_anything(program) {
            return None;
        }
        if self.env.iter().any(|own| own == name) {
            return Some("is a variable that the operator passes on (`imports.stdio.env`)");
        }
        let name = name.to_ascii_uppercase();
        let steers = STEERING.iter().any(|steering| match steering.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == *steering,
        });
        steers.then_some("decides what the program loads or runs; only the operator may set it")
    }
}

impl Config {
    /// Checks what is stored as it will be used.
    ///
    /// # Errors
    /// VALIDATION_ERROR, or OUTBOUND_REFUSED for a URL that is not called.
    pub fn check(&self, credentials: &Credentials, guard: &Guard, stdio: &Stdio) -> Result<(), CallError> {
        match (&self.url, &self.stdio) {
            (Some(url), None) => {
                let url = url::Url::parse(url)
                    .map_err(|error| CallError::fault("/url", format!("must be a URL: {error}")))?;
                guard.check(&url)?;
                if !credentials.env.is_empty() {
                    return Err(CallError::fault(
                        "/env",
                        "is for programs; a server with a URL takes `headers`",
                    ));
                }
            }
            (None, Some(program)) => {
                if !stdio.allows(program) {
                    return Err(CallError::fault(
                        "/stdio",
                        "is not a command that the operator allows; `imports.stdio.allow` must have exactly this \
                         command line",
                    ));
                }
                for name in credentials.env.keys() {
                    if let Some(why) = stdio.refuses(program, name) {
                        return Err(CallError::fault(alkhub_core::validate::child("/env", name), why));
                    }
                }
                if credentials.bearer.is_some() || !credentials.headers.is_empty() {
                    return Err(CallError::fault(
                        "/stdio",
                        "a program takes `env`, and no bearer token or headers",
                    ));
                }
            }
            _ => return Err(CallError::fault("/url", "exactly one of `url` and `stdio` must be given")),
        }
        for (name, value) in &credentials.headers {
            super::connect::header(name, value)?;
        }
        Ok(())
    }

    /// Whether credentials for the one may be given to the other: it is the same server.
    #[must_use]
    pub fn same_server(&self, other: &Self) -> bool {
        let origin =
            |config: &Self| config.url.as_deref().and_then(|url| Some(url::Url::parse(url).ok()?.origin()));
        origin(self) == origin(other) && self.stdio == other.stdio
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(command: &str, args: &[&str]) -> Program {
        Program {
            command: command.to_owned(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            cwd: None,
        }
    }

    #[test]
    fn only_the_command_that_is_allowed_may_be_started() {
        let allow = ["/usr/bin/x", "/usr/bin/npx -y server", "/usr/bin/any *"].map(str::to_owned).to_vec();
        let stdio = Stdio { allow, env: Vec::new() };
        for (command, args, expected) in [
            ("/usr/bin/x", &[][..], true),
            ("/usr/bin/x", &["-c"], false),
            ("x", &[], false),
            ("/usr/bin/npx", &["-y", "server"], true),
            ("/usr/bin/npx", &["-y", "other"], false),
            ("/usr/bin/npx", &["-y", "server", "more"], false),
            ("/usr/bin/npx", &[], false),
            ("/usr/bin/npx -y server", &[], false),
            ("/usr/bin/any", &["a", "b c"], true),
            ("/usr/bin/any", &[], true),
            ("/usr/bin/anything", &[], false),
        ] {
            assert_eq!(stdio.allows(&program(command, args)), expected, "{command} {args:?}");
        }
        assert!(!Stdio::default().allows(&program("/usr/bin/x", &[])));
    }

    #[test]
    fn variables_do_not_say_what_is_run() {
        let allow = vec!["/usr/bin/npx -y server".to_owned(), "/usr/bin/any *".to_owned()];
        let stdio = Stdio { allow, env: vec!["LANG".to_owned()] };
        let exact = program("/usr/bin/npx", &["-y", "server"]);
        for name in
            ["NODE_OPTIONS", "LD_PRELOAD", "PATH", "npm_config_registry", "PYTHONPATH", "LANG", "", "A=B"]
        {
            assert!(stdio.refuses(&exact, name).is_some(), "{name}");
        }
        for name in ["TOKEN", "GITHUB_TOKEN", "API_URL"] {
            assert_eq!(stdio.refuses(&exact, name), None, "{name}");
        }
        // Whoever may give it any arguments can have it run anything.
        assert_eq!(stdio.refuses(&program("/usr/bin/any", &["x"]), "LD_PRELOAD"), None);
    }

    #[test]
    fn credentials_stay_with_their_server() {
        let at = |url: &str| Config { url: Some(url.to_owned()), ..Config::default() };
        assert!(at("https://a.example/mcp").same_server(&at("https://a.example/v2")));
        assert!(!at("https://a.example/mcp").same_server(&at("https://b.example/mcp")));
        assert!(!at("https://a.example/mcp").same_server(&at("http://a.example/mcp")));
        let run = |args| Config { stdio: Some(program("/x", args)), ..Config::default() };
        assert!(run(&["a"]).same_server(&run(&["a"])) && !run(&["a"]).same_server(&run(&["b"])));
    }

    #[test]
    fn credentials_do_not_show_themselves() {
        let mut credentials = Credentials { bearer: Some("hunter2".to_owned()), ..Credentials::default() };
        credentials.headers.insert("x-key".to_owned(), "hunter3".to_owned());
        assert!(!format!("{credentials:?}").contains("hunter"));
        let mut config = Config::default();
        credentials.name_in(&mut config);
        let text = serde_json::to_string(&config).expect("JSON");
        assert!(text.contains("x-key") && !text.contains("hunter"), "{text}");
        let written = credentials.write().expect("written").expect("some");
        assert_eq!(Credentials::read(Some(&written)).expect("read"), credentials);
    }
}
