//! A provider's token, or a forge's: where it is found, and that nobody else can read it there.

use super::engine::{EngineSettings, TokenSource};
use super::environment::Environment;
use super::settings::Settings;
use secrecy::SecretString;
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Longest token, in bytes.
const MAX_TOKEN: u64 = 16 * 1024;

/// What is known of an engine's token before a program was asked.
#[derive(Debug)]
pub enum Token {
    Known {
        secret: SecretString,
        /// Where it was found, for people: a variable's name, or a path.
        from: String,
    },
    /// This program, with its arguments, prints it; [`Token::printed`] reads what it said.
    Command(Vec<String>),
    /// None of the variables is set. An endpoint on this machine may need none.
    None,
}

/// Why there is no token although the settings say where it is. Never holds any of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error(
        "the variable {name} is not set, and `token_env` names it; set it, or name another one"
    )]
    NotSet { name: String },

    #[error(
        "{from} does not hold a token: {why}; it must be one line of printable characters without spaces"
    )]
    NotAToken { from: String, why: &'static str },

    #[error("{}: cannot be read: {message}", path.display())]
    Unreadable { path: PathBuf, message: String },

    #[error("{}: others can read the token in it; run: chmod 600 {}", path.display(), quoted(path))]
    Exposed { path: PathBuf },
}

/// Where the settings say that tokens are.
pub(super) fn sources(settings: &Settings) -> impl Iterator<Item = &TokenSource> {
    let engines = settings.engines.values();
    let engines = engines.filter_map(|engine| engine.chat.token.as_ref());
    engines.chain(settings.forge.token.as_ref())
}

/// The tokens in the files that the settings name, for what must not appear in any output. A file that cannot be used is
/// told when its engine is.
pub(super) fn in_files(settings: &Settings) -> Vec<SecretString> {
    let files = sources(settings).filter_map(|source| match source {
        TokenSource::File(path) => Some(path),
        TokenSource::Variable(_) | TokenSource::Command(_) => None,
    });
    let tokens = files.filter_map(|path| known(&read_private(path).ok()?, String::new()).ok());
    tokens
        .filter_map(|token| match token {
            Token::Known { secret, .. } => Some(secret),
            Token::Command(_) | Token::None => None,
        })
        .collect()
}

impl EngineSettings {
    /// Looks for the token: where the settings say, else in the variables of the engine's kind.
    ///
    /// # Errors
    /// It is not where it should be, or it is where others can read it.
    pub fn token(&self, env: &Environment) -> Result<Token, TokenError> {
        match &*self.chat.token {
            Some(source) => source.token(env),
            None => {
                let mut variables = self.kind.token_variables().iter();
                match variables.find_map(|name| Some((*name, env.get(name)?))) {
                    Some((name, text)) => known(text, name.to_owned()),
                    None => Ok(Token::None),
                }
            }
        }
    }
}

impl TokenSource {
    /// Looks for the token where the settings say that it is.
    ///
    /// # Errors
    /// It is not there, or it is where others can read it.
    pub fn token(&self, env: &Environment) -> Result<Token, TokenError> {
        match self {
            Self::Variable(name) => match env.get(name) {
                Some(text) => known(text, name.clone()),
                None => Err(TokenError::NotSet { name: name.clone() }),
            },
            Self::File(path) => known(&read_private(path)?, path.display().to_string()),
            Self::Command(words) => Ok(Token::Command(words.clone())),
        }
    }
}

impl Token {
    /// The token in a variable.
    ///
    /// # Errors
    /// What it holds is none.
    pub fn in_variable(text: &str, name: &str) -> Result<Token, TokenError> {
        known(text, name.to_owned())
    }

    /// The token that a `token_command` printed; `program` names it in an error.
    ///
    /// # Errors
    /// What was printed is none.
    pub fn printed(text: &str, program: &str) -> Result<Token, TokenError> {
        known(text, format!("what `{program}` printed"))
    }
}

/// A token goes into a header, where anything but printable characters would be a second header or an error
/// that shows it.
fn known(text: &str, from: String) -> Result<Token, TokenError> {
    let token = text.trim();
    let why = if token.is_empty() {
        "it is empty"
    } else if token.len() as u64 > MAX_TOKEN {
        "it is too long"
    } else if !token.bytes().all(|b| b.is_ascii_graphic()) {
        "it has spaces, several lines or unusual characters"
    } else {
        return Ok(Token::Known {
            secret: SecretString::from(token),
            from,
        });
    };
    Err(TokenError::NotAToken { from, why })
}

/// The text of a file that only its owner can read. Who may read is asked of the file that is open, so that none
/// can take its place between question and reading.
fn read_private(path: &Path) -> Result<String, TokenError> {
    let unreadable = |message: String| TokenError::Unreadable {
        path: path.to_path_buf(),
        message,
    };
    let mut options = std::fs::OpenOptions::new();
    // Opening a pipe would wait for whoever writes into it.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = options
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(|e| unreadable(e.to_string()))?;
    let about = file.metadata().map_err(|e| unreadable(e.to_string()))?;
    if !about.is_file() {
        return Err(unreadable("it is not a file".to_owned()));
    }
    if about.permissions().mode() & 0o077 != 0 {
        return Err(TokenError::Exposed {
            path: path.to_path_buf(),
        });
    }
    let mut text = String::new();
    match file.take(MAX_TOKEN + 2).read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

/// The path as a shell's word.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
