//! Opening the forge that was chosen.

use super::{Choice, choose};
use crate::app::error::AppError;
use crate::app::world::{SystemClock, SystemRng, World};
use crate::config::{Environment, IssueRef};
use crate::core::remote_address;
use crate::forge::{Gitea, Github, Gitlab, LocalForge};
use crate::git::push_url;
use crate::model::ForgeKind;
use crate::ports::{Clock, Forge, ForgeError, Rng};
use secrecy::SecretString;
use std::path::Path;
use std::rc::Rc;

/// A forge that can be asked.
pub struct Opened {
    pub forge: Box<dyn Forge>,
    /// For what must not appear in any output.
    pub token: Option<SecretString>,
    /// Where that was found, for people; empty where there is none.
    pub token_from: String,
    /// Which it is and what the choice rests on, for people.
    pub label: String,
    pub because: String,
    /// Worth knowing, and stops nothing.
    pub notes: Vec<String>,
    /// Where people find the repository: the forge, and its path there. None for files.
    home: Option<(String, String)>,
}

/// Chooses and opens the repository's forge. Not for use on an async runtime's thread.
///
/// # Errors
/// As [`choose`]; an address that nothing is sent to.
pub fn open(world: &World, env: &Environment) -> Result<Opened, AppError> {
    let settings = &world.settings;
    let url = {
        let repo = world.repo(env)?;
        let remote = repo.default_remote();
        remote.and_then(|name| push_url(&repo, &name))
    };
    let choice = choose(settings, env, url.as_deref(), !world.flags.skip_auth_check)?;
    let notes = choice.notes(settings);
    let (label, because) = (choice.label(), choice.because().to_owned());
    let place = match choice {
        Choice::Local { .. } => {
            return Ok(Opened {
                label,
                because,
                notes,
                ..Opened::local(&world.info.root)
            });
        }
        Choice::Hosted(place) => *place,
    };
    let (kind, hosted) = (place.kind, place.hosted);
    let token = hosted.token.clone();
    let home = Some((hosted.web.clone(), hosted.repository.clone()));
    let clock: Rc<dyn Clock> = Rc::new(SystemClock);
    let rng: Rc<dyn Rng> = Rc::new(SystemRng);
    let forge: Result<Box<dyn Forge>, ForgeError> = match kind {
        ForgeKind::GitHub => Github::new(hosted, clock, rng).map(|f| Box::new(f) as _),
        ForgeKind::GitLab => Gitlab::new(hosted, clock, rng).map(|f| Box::new(f) as _),
        ForgeKind::Gitea => Gitea::new(hosted, clock, rng).map(|f| Box::new(f) as _),
    };
    Ok(Opened {
        forge: forge.map_err(|e| AppError::setup(e.message, e.remedy))?,
        token,
        token_from: place.token_from,
        label,
        because,
        notes,
        home,
    })
}

impl Opened {
    /// Files in the repository at `root`.
    pub fn local(root: &Path) -> Self {
        Self {
            forge: Box::new(LocalForge::new(root)),
            token: None,
            token_from: String::new(),
            label: LocalForge::NAME.to_owned(),
            because: String::new(),
            notes: Vec::new(),
            home: None,
        }
    }

    /// The numbers of the issues that somebody named.
    ///
    /// # Errors
    /// An address of something else, or a repository without a forge.
    pub fn issue_numbers(&self, named: &[IssueRef]) -> Result<Vec<u64>, AppError> {
        let number = |issue: &IssueRef| {
            let Some((web, repository)) = &self.home else {
                return Err(AppError::setup(
                    format!(
                        "--from-issue {issue}: pull requests are files here, and there are no issues"
                    ),
                    "say where the issues are with --platform, or write the text into a spec below specs/",
                ));
            };
            match issue {
                IssueRef::Number(number) => Ok(*number),
                IssueRef::Url(url) => remote_address::issue_number(url, web, repository)
                    .map_err(|why| {
                        AppError::setup(
                            format!("--from-issue {url}: {why}"),
                            "name an issue of the repository that is built, by its number or its page's address",
                        )
                    }),
            }
        };
        let mut numbers = named.iter().map(number).collect::<Result<Vec<u64>, _>>()?;
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }
}
