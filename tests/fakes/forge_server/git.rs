//! The bare repository behind the forge, by git's plumbing: nothing is checked out.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where the branches are; nowhere without `--git-dir`.
pub struct Git {
    pub dir: Option<PathBuf>,
}

/// How a pull request is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    Merge,
    Squash,
    Rebase,
}

impl Git {
    pub fn is_there(&self) -> bool {
        self.dir.is_some()
    }

    /// Runs git in the repository, away from anybody's configuration; its output without the last line end.
    ///
    /// # Errors
    /// What git said.
    fn run(&self, args: &[&str], env: &[(&str, &str)]) -> Result<String, String> {
        let dir = self.dir.as_ref().ok_or("there is no repository")?;
        let output = Command::new("git")
            .arg("--git-dir")
            .arg(dir)
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "forge")
            .env("GIT_AUTHOR_EMAIL", "forge@localhost")
            .env("GIT_COMMITTER_NAME", "forge")
            .env("GIT_COMMITTER_EMAIL", "forge@localhost")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("git does not start: {e}"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(format!(
                "git {}: {}{}",
                args.join(" "),
                text(&output.stdout),
                text(&output.stderr)
            )),
        }
    }

    pub fn tip(&self, branch: &str) -> Option<String> {
        let name = format!("refs/heads/{branch}^{{commit}}");
        self.run(&["rev-parse", "--verify", "--quiet", &name], &[])
            .ok()
    }

    /// There are commits on `head` that are not on `base`.
    pub fn differs(&self, base: &str, head: &str) -> bool {
        let range = format!("refs/heads/{base}..refs/heads/{head}");
        self.run(&["rev-list", "--count", &range], &[])
            .is_ok_and(|n| n != "0")
    }

    /// Merges `head` into `base`; the new tip of `base`.
    ///
    /// # Errors
    /// What git said: a conflict, a branch that is not there.
    pub fn merge(&self, base: &str, head: &str, how: How, message: &str) -> Result<String, String> {
        let old = self.tip(base).ok_or(format!("there is no branch {base}"))?;
        let tip = self.tip(head).ok_or(format!("there is no branch {head}"))?;
        let new = match how {
            How::Merge => {
                let tree = self.run(&["merge-tree", "--write-tree", &old, &tip], &[])?;
                self.run(
                    &["commit-tree", &tree, "-p", &old, "-p", &tip, "-m", message],
                    &[],
                )?
            }
            How::Squash => {
                let tree = self.run(&["merge-tree", "--write-tree", &old, &tip], &[])?;
                self.run(&["commit-tree", &tree, "-p", &old, "-m", message], &[])?
            }
            How::Rebase => self.replay(&old, &tip)?,
        };
        let name = format!("refs/heads/{base}");
        self.run(&["update-ref", &name, &new, &old], &[])?;
        Ok(new)
    }

    /// Commits of `tip` that are not on `old`, one after the other upon `old`, each with its author.
    fn replay(&self, old: &str, tip: &str) -> Result<String, String> {
        let range = format!("{old}..{tip}");
        let list = self.run(&["rev-list", "--reverse", "--no-merges", &range], &[])?;
        let mut at = old.to_owned();
        for commit in list.lines() {
            let base = format!("--merge-base={commit}^");
            let tree = self.run(&["merge-tree", "--write-tree", &base, &at, commit], &[])?;
            let said = |format: &str| self.run(&["log", "-1", format, commit], &[]);
            let (name, mail) = (said("--format=%an")?, said("--format=%ae")?);
            let (date, message) = (said("--format=%aI")?, said("--format=%B")?);
            at = self.run(
                &["commit-tree", &tree, "-p", &at, "-m", &message],
                &[
                    ("GIT_AUTHOR_NAME", &name),
                    ("GIT_AUTHOR_EMAIL", &mail),
                    ("GIT_AUTHOR_DATE", &date),
                ],
            )?;
        }
        Ok(at)
    }

    /// # Errors
    /// What git said.
    pub fn delete_branch(&self, branch: &str) -> Result<(), String> {
        let name = format!("refs/heads/{branch}");
        self.run(&["update-ref", "-d", &name], &[]).map(drop)
    }
}
