//! Making a lane's worktree stand clean at its tip, with the spec as people want it now.

use super::perform::{Failure, base_of};
use super::shells::Shells;
use crate::core::commit_message::sync_message;
use crate::core::lane::Lane;
use crate::crash::{self, Point};
use crate::fsx::{Beneath, read_beneath};
use crate::git::{
    ATTEMPTS, GitError, LANES, LaneDir, LanePaths, Repo, SYNC, Standing, add_worktree,
};
use crate::model::policy::Preset;
use crate::model::{AttemptEnd, EffectResult, Intent, Oid, SpecId};
use crate::proc::{self, Command, Limits};
use crate::sandbox::{Subject, caches, suspect};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bound on one set-up command.
const SETUP_TIME: Duration = Duration::from_secs(1800);
/// Bytes of a file that is copied into a lane.
const MAX_COPY: u64 = 256 << 20;

pub(super) async fn prepare(shells: &Shells, lane: &Lane) -> Result<EffectResult, Failure> {
    let spec = lane.ledger.spec.clone();
    let start = lane.start.clone();
    let lane_ref = format!("{LANES}{spec}");
    let mut tip = match &lane.tip {
        Some(tip) => tip.clone(),
        None => base_of(lane)?.commit,
    };
    let mut notes = Vec::new();
    // A killed run may have left it.
    super::review::clear(&super::review::copy_dir(shells, lane));

    {
        let (lane_ref, tip, archive) = (lane_ref.clone(), tip.clone(), start.archive.clone());
        let (time, was, spec) = (now(shells), start.lane_ref.clone(), spec.clone());
        shells
            .git
            .call(move |repo| {
                if let Some(old) = archive {
                    // Where another version had taken its place already, the lane as it was here is kept too.
                    for tip in [Some(&old), was.as_ref()].into_iter().flatten() {
                        repo.archive(&spec, tip, &time)?;
                    }
                }
                if was.as_ref() == Some(&tip) {
                    Ok(())
                } else {
                    repo.move_ref(&lane_ref, was.as_ref(), &tip, "codelicious: lane")
                }
            })
            .await?;
    }

    let (paths, is_new) = worktree(shells, &lane_dir(shells, lane), &tip).await?;
    let saved = {
        let (tip, paths, links, spec_path) = (
            tip.clone(),
            paths.clone(),
            shells.settings.not_work(),
            lane.ledger.path.clone(),
        );
        let (stray, was, spec) = (Stray::of(lane), start.lane_ref.clone(), spec.clone());
        let landing = lane.resume_landing.as_ref().map(|(.., c)| c.clone());
        // A copy of saved work need not be saved once more.
        let is_copy = lane
            .ledger
            .intents
            .iter()
            .any(|i| matches!(i, Intent::TakeUp { .. }));
        shells
            .git
            .call(move |repo| {
                repo.open_lane(&paths, &links)?;
                if let Some(commit) = landing
                    && repo.lane_holds(&commit, &tip, &spec_path)?
                {
                    repo.reset_lane(&tip)?;
                    return Ok(None);
                }
                // The lane may have been moved since: its old commits are nobody's work that was left there.
                let stood = match repo.lane_head()?.0 {
                    Some(head) if was.as_ref() == Some(&head) => Some(head),
                    Some(head) if repo.was_archived(&spec, &head)? => Some(head),
                    Some(_) | None => None,
                };
                let stood = stood.as_ref().unwrap_or(&tip);
                let reference = stray.reference(repo)?;
                let why = "Work of an interrupted attempt";
                let saved = match repo.standing()? {
                    Standing::Elsewhere { work: Some(tree) } => {
                        repo.save_tree(&tree, None, stood, &reference, why)?
                    }
                    Standing::Elsewhere { work: None } => None,
                    Standing::Lost { work } => {
                        repo.reset_lane(&tip)?;
                        return Ok(Some(format!(
                            "work of an interrupted attempt is lost: git does not have its tree {work} any more"
                        )));
                    }
                    Standing::Own if is_copy => None,
                    Standing::Own => repo.save_work(stood, &spec_path, &reference, why)?,
                };
                repo.reset_lane(&tip)?;
                Ok(saved.map(|_| {
                    format!("work that an interrupted attempt left in the lane is kept at {reference}")
                }))
            })
            .await?
    };
    notes.extend(saved);

    let synced = start.sync.is_some() || start.renamed_from.is_some();
    if synced {
        tip = sync(shells, lane, &lane_ref, &tip).await?;
    }
    remember_seen(shells, lane).await?;
    {
        let (sandbox, dir) = (shells.sandbox.clone(), paths.dir.clone());
        let made = tokio::task::spawn_blocking(move || caches::prepare(&sandbox, &dir)).await;
        made.map_err(|e| Failure::new(e.to_string(), "run again"))?
            .map_err(|e| Failure::new(e.to_string(), "make room there, or see `[worktree] dir`"))?;
    }
    if is_new || !paths.set_up_mark().exists() {
        shells.git.call(|repo| repo.clear_kept()).await?;
        set_up(shells, &lane.ledger.spec, &paths).await?;
        // What set-up left beside ignored files is nobody's work.
        let tip = tip.clone();
        shells.git.call(move |repo| repo.reset_lane(&tip)).await?;
    }
    Ok(EffectResult::LanePrepared {
        tip,
        base: base_of(lane)?,
        synced,
        notes,
    })
}

/// The time as it stands in names of refs.
pub(super) fn now(shells: &Shells) -> String {
    shells.clock.now().format("%Y%m%dT%H%M%SZ").to_string()
}

/// Folder of a repository's lanes below the folder of all: `<above>/<name>-<hash of its path>`.
pub fn lanes_dir(above: &Path, root: &Path) -> PathBuf {
    use sha2::{Digest, Sha256};
    use std::os::unix::ffi::OsStrExt;
    let hash = Sha256::digest(root.as_os_str().as_bytes());
    let hex: String = hash.iter().take(5).map(|b| format!("{b:02x}")).collect();
    let name = root.file_name().map_or_else(
        || "repository".to_owned(),
        |n| n.to_string_lossy().into_owned(),
    );
    let safe: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    above.join(format!("{safe}-{hex}"))
}

/// The lane's folder: stable, because agents' sessions belong to paths.
pub(super) fn lane_dir(shells: &Shells, lane: &Lane) -> PathBuf {
    shells.settings.lanes_dir.join(lane.ledger.spec.as_str())
}

async fn worktree(shells: &Shells, dir: &Path, tip: &Oid) -> Result<(LanePaths, bool), Failure> {
    let find = async || {
        let dir = dir.to_path_buf();
        shells.git.call(move |repo| repo.find_lane(&dir)).await
    };
    if let LaneDir::Ready(paths) = find().await? {
        return Ok((paths, false));
    }
    if let Some(parent) = dir.parent() {
        std::fs::create_dir_all(parent).map_err(|e| {
            Failure::new(
                format!("cannot make {}: {e}", parent.display()),
                "make room for it and give the user who runs codelicious access, or move lanes elsewhere with `[worktree] dir`",
            )
        })?;
    }
    let place = shells.git.call(|repo| repo.git_place()).await?;
    add_worktree(
        &place,
        dir,
        tip,
        &shells.settings.git_env,
        shells.stop_everything.clone(),
    )
    .await?;
    match find().await? {
        LaneDir::Ready(paths) => Ok((paths, true)),
        LaneDir::Missing => Err(Failure::new(
            format!(
                "git made the worktree {}, but it is not there",
                dir.display()
            ),
            "remove the folder and run `git worktree prune`",
        )),
    }
}

/// Where work found in the lane belongs.
struct Stray {
    /// The last attempt that did not end with a commit.
    attempt: Option<StrayAttempt>,
    /// Where work goes that is of no attempt.
    unknown: String,
}

struct StrayAttempt {
    reference: String,
    /// How it ended is in the ledger, so that its work was about to be saved, or is.
    has_ended: bool,
    /// The tree that was judged.
    judged: Option<String>,
}

impl Stray {
    fn of(lane: &Lane) -> Self {
        let spec = &lane.ledger.spec;
        let chunks = lane.ledger.chunks.iter();
        let last = chunks
            .filter_map(|(id, r)| r.attempts.last().map(|a| (a.started, id, r, a)))
            .filter(|(.., a)| a.end != AttemptEnd::Committed)
            .max_by_key(|(started, ..)| *started);
        Self {
            attempt: last.map(|(_, id, record, attempt)| StrayAttempt {
                reference: format!("{ATTEMPTS}{spec}/{id}/{}", attempt.n),
                has_ended: !matches!(attempt.end, AttemptEnd::Running | AttemptEnd::Interrupted),
                judged: record.evidence.as_ref().and_then(|e| e.tree.clone()),
            }),
            unknown: format!("{ATTEMPTS}{spec}/unknown/1"),
        }
    }

    /// The ref for it. What an attempt left and a person may look at, or has accepted, is not written over.
    fn reference(self, repo: &Repo) -> Result<String, GitError> {
        let Some(attempt) = self.attempt else {
            return Ok(self.unknown);
        };
        let reference = &attempt.reference;
        let is_saved = attempt.has_ended
            && repo.ref_target(reference)?.is_some()
            && match &attempt.judged {
                Some(tree) => repo.holds_tree(reference, tree)?,
                None => true,
            };
        Ok(if is_saved {
            self.unknown
        } else {
            attempt.reference
        })
    }
}

/// Commits what the user or the base changed in the spec.
async fn sync(shells: &Shells, lane: &Lane, lane_ref: &str, tip: &Oid) -> Result<Oid, Failure> {
    let (lane_ref, old) = (lane_ref.to_owned(), tip.clone());
    let (path, text, renamed) = (
        lane.ledger.path.clone(),
        lane.start.sync.clone(),
        lane.start.renamed_from.clone(),
    );
    let branch = lane.ledger.prs.last().map(|p| p.branch.clone());
    let message = sync_message(&lane.ledger.spec);
    let new = shells
        .git
        .call(move |repo| {
            let text = match text {
                Some(text) => Some(text),
                // Only the name changed.
                None => repo.read_file(&old, renamed.as_deref().unwrap_or(&path))?,
            };
            let mut files = vec![(path, text)];
            files.extend(renamed.map(|old_path| (old_path, None)));
            let new = repo.commit_files(Some(&old), &files, &message)?;
            repo.move_ref(&lane_ref, Some(&old), &new, "codelicious: spec sync")?;
            if let Some(branch) = branch {
                repo.follow(&branch, &new)?;
            }
            repo.reset_lane(&new)?;
            Ok(new)
        })
        .await?;
    Ok(new)
}

/// Keeps the texts that were merged: the ancestors of the next merge.
///
/// # Errors
/// Objects or refs that cannot be read or written.
pub async fn remember_seen(shells: &Shells, lane: &Lane) -> Result<(), GitError> {
    let (path, user, base) = (
        lane.ledger.path.clone(),
        lane.start.seen_user.clone(),
        lane.start.seen_base.clone(),
    );
    let reference = format!("{SYNC}{}", lane.ledger.spec);
    let message = sync_message(&lane.ledger.spec);
    shells
        .git
        .call(move |repo| {
            let files = [
                (format!("user/{path}"), user),
                (format!("base/{path}"), base),
            ];
            if let Some(now) = repo.ref_target(&reference)? {
                let mut same = true;
                for (name, text) in &files {
                    same &= repo.read_file(&now, name)? == *text;
                }
                if same {
                    return Ok(());
                }
            }
            let commit = repo.commit_files(None, &files, &message)?;
            repo.set_ref(&reference, &commit, "codelicious: spec sync")
        })
        .await
}

/// Makes a fresh lane usable: copied files, linked folders, set-up commands.
async fn set_up(shells: &Shells, spec: &SpecId, paths: &LanePaths) -> Result<(), Failure> {
    // The names are the repository's, and so are links on the way: neither leads out of the two folders.
    let below = |dir: &Path| {
        Beneath::open(dir)
            .map_err(|e| Failure::new(format!("cannot open {}: {e}", dir.display()), ""))
    };
    let lane = below(&paths.dir)?;
    for name in &shells.settings.copy {
        let (from, to) = (inside(&shells.root, name)?, inside(Path::new(""), name)?);
        if from.is_file() {
            let mode = from.metadata().map(|m| m.permissions().mode()).ok();
            let copied = read_beneath(&shells.root, Path::new(name), MAX_COPY)
                .map_err(|e| e.to_string())
                .and_then(|bytes| {
                    let place = lane.place(&to, true).map_err(|e| e.to_string())?;
                    place.write_as(&bytes, mode).map_err(|e| e.to_string())
                });
            copied.map_err(|e| {
                Failure::new(
                    format!("cannot copy {} into the lane: {e}", from.display()),
                    "see `[worktree] copy`",
                )
            })?;
        }
    }
    for name in &shells.settings.link {
        let (from, to) = (inside(&shells.root, name)?, inside(Path::new(""), name)?);
        if from.is_dir() {
            let linked = lane.place(&to, true).map_err(|e| e.to_string());
            let linked = linked.and_then(|place| match place.there {
                Some(_) => Ok(()),
                None => place.link_to(&from).map_err(|e| e.to_string()),
            });
            linked.map_err(|e| {
                Failure::new(
                    format!("cannot link {} into the lane: {e}", from.display()),
                    "see `[worktree] link`",
                )
            })?;
        }
    }
    for line in &shells.settings.setup {
        let policy = shells.sandbox.policy(&Subject {
            preset: Preset::Setup,
            lane: &paths.dir,
            command: line,
            env: &shells.settings.env,
        });
        let command =
            Command::shell(line, &paths.dir, policy).env(shells.settings.env.iter().cloned());
        let limits = Limits {
            total: Some(SETUP_TIME),
            ..Limits::default()
        };
        let done = proc::output(&command, limits, shells.stop_engines.clone())
            .await
            .map_err(|e| Failure::new(e.to_string(), "see `[worktree] setup`"))?;
        let words = format!("{}{}", done.stdout.text(), done.stderr.text());
        let hint = (!done.success())
            .then(|| suspect::hint(&command.policy, line, done.own_code(), &words))
            .flatten();
        let hosts = done.refused.clone();
        shells.tell_refused(spec, None, line, hosts, hint.clone());
        if !done.success() {
            let tail: Vec<&str> = words.trim().lines().rev().take(10).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            return Err(Failure::new(
                format!(
                    "the set-up command `{line}` ended with exit code {}:\n{}",
                    done.code,
                    tail.join("\n")
                ),
                match hint {
                    Some(hint) => format!("correct `[worktree] setup` in codelicious.toml; {hint}"),
                    None => "correct `[worktree] setup` in codelicious.toml".to_owned(),
                },
            ));
        }
    }
    crash::point(Point::SetupRan)?;
    crate::fsx::atomic::write(&paths.set_up_mark(), b"done\n")
        .map_err(|e| Failure::new(e.to_string(), ""))
}

fn inside(root: &Path, name: &str) -> Result<PathBuf, Failure> {
    let path = Path::new(name);
    let plain = path.components().all(|c| {
        matches!(
            c,
            std::path::Component::Normal(_) | std::path::Component::CurDir
        )
    });
    if plain {
        Ok(root.join(path))
    } else {
        Err(Failure::new(
            format!("`{name}` is not a path below the repository"),
            "name files and folders below the root in `[worktree]`",
        ))
    }
}
