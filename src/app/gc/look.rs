//! What is there, and what is known of it. Changes nothing.

use super::{Found, Target};
use crate::app::error::AppError;
use crate::app::reports;
use crate::app::survey::Survey;
use crate::app::world::{SystemClock, World};
use crate::config::Environment;
use crate::core::gc::{Facts, Retention, Thing, Unmerged, judge};
use crate::core::lane::Lane;
use crate::fsx::{read_bounded, rotate, tree};
use crate::git::{ARCHIVE, ATTEMPTS, Beyond, LANES, LaneRecord, Repo, is_rest};
use crate::ledger::events;
use crate::model::gc::GcKind;
use crate::model::{ChunkId, Oid, SpecId};
use crate::ports::Clock;
use crate::sandbox::Sandbox;
use chrono::{DateTime, NaiveDateTime, Utc};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Largest postmortem, and largest `.git` file, that is read.
const MAX_PAGE: u64 = 4 << 20;

/// Looks at everything that `gc` knows and judges it.
///
/// # Errors
/// As for any look at the repository: no base, git objects that cannot be read.
pub(super) fn look(world: &World, repo: &Repo, env: &Environment) -> Result<Vec<Found>, AppError> {
    let scope = world.scope(repo, &[], env)?;
    let (survey, ledgers) = world.look(repo, &scope)?;
    let lanes = reports::lanes(world, &survey, &ledgers, scope.remote.as_deref())?;
    let gc = &world.settings.gc;
    let mut looker = Looker {
        world,
        repo,
        survey: &survey,
        lanes: &lanes,
        keep: Retention {
            records: *gc.keep,
            attempts: *gc.keep_attempts,
            archives: *gc.keep_archives,
        },
        now: SystemClock.now(),
        found: Vec::new(),
    };
    let lanes_dir = world.lanes_dir(env);
    looker.lanes(lanes_dir.as_deref());
    looker.attempts()?;
    looker.archives()?;
    looker.records();
    if let Some(cache) = env.cache_dir() {
        looker.orphans(&cache.join("codelicious"), lanes_dir.as_deref());
    }
    Ok(looker.found)
}

struct Looker<'w> {
    world: &'w World,
    repo: &'w Repo,
    survey: &'w Survey,
    lanes: &'w [Lane],
    keep: Retention,
    now: DateTime<Utc>,
    found: Vec<Found>,
}

impl Looker<'_> {
    fn add(
        &mut self,
        kind: GcKind,
        target: Target,
        facts: Facts,
        changed: Option<DateTime<Utc>>,
        bytes: u64,
    ) {
        // What seems to come from the future is as young as can be.
        let age = changed.map(|at| (self.now - at).to_std().unwrap_or(Duration::ZERO));
        let path = match &target {
            Target::Lane(record) => Some(&record.dir),
            Target::Path(path) => Some(path),
            Target::Ref(..) => None,
        };
        let root = &self.world.info.root;
        let name = match (&target, path) {
            (Target::Ref(name, _), _) => name.clone(),
            (_, path) => path
                .map(|p| p.strip_prefix(root).unwrap_or(p))
                .map(|p| p.display().to_string())
                .unwrap_or_default(),
        };
        let base = &self.survey.base.branch;
        let verdict = judge(&Thing { facts, age }, &self.keep, base);
        self.found.push(Found {
            kind,
            name,
            age_s: age.map(|a| a.as_secs()),
            bytes,
            target,
            verdict,
        });
    }

    fn add_file(&mut self, kind: GcKind, path: PathBuf, facts: Facts) {
        let (changed, bytes) = (tree::modified(&path), tree::size(&path));
        self.add(kind, Target::Path(path), facts, changed, bytes);
    }

    fn lane(&self, spec: &SpecId) -> Option<&Lane> {
        self.lanes.iter().find(|l| l.ledger.spec == *spec)
    }

    /// Worktrees that git knows as lanes, and what is left of some that were being removed.
    fn lanes(&mut self, lanes_dir: Option<&Path>) {
        let records = self.repo.lane_records();
        let mut folders: BTreeSet<PathBuf> = lanes_dir.into_iter().map(Path::to_path_buf).collect();
        folders.extend(
            records
                .iter()
                .filter_map(|r| Some(r.dir.parent()?.to_path_buf())),
        );
        let known: BTreeSet<PathBuf> = records.iter().map(|r| r.dir.clone()).collect();
        for record in records {
            self.lane_record(record);
        }
        for path in folders.iter().flat_map(|f| entries(f)) {
            let is_alone = Sandbox::lane_of(&path)
                .is_some_and(|lane| !known.contains(&lane) && lane.symlink_metadata().is_err());
            if is_alone || path.file_name().is_some_and(is_rest) {
                self.add_file(GcKind::Rest, path, Facts::Rest);
            }
        }
    }

    fn lane_record(&mut self, record: LaneRecord) {
        let spec = record.dir.file_name().and_then(OsStr::to_str);
        let spec = SpecId::new(spec.unwrap_or_default());
        let base = self.survey.base.commit.clone();
        let tip = self.repo.ref_target(&format!("{LANES}{spec}"));
        let unmerged = match &tip {
            Ok(Some(tip)) => self.unmerged(tip, std::slice::from_ref(&base), |spec, chunk| {
                self.lane(spec).is_some_and(|l| l.on_base.contains(chunk))
            }),
            // All that the worktree stands at is then looked at as unsaved.
            Ok(None) => Unmerged::Commits(0),
            Err(_) => Unmerged::Unknown,
        };
        let tip = tip.ok().flatten();
        let kept: Vec<Oid> = tip.into_iter().chain([base]).collect();
        let settings = &self.world.settings.worktree;
        let not_work = [settings.link.to_vec(), settings.copy.to_vec()].concat();
        let unsaved = self.repo.unsaved(&record, &kept, &not_work);
        let is_lost = match record.dir.symlink_metadata() {
            Ok(_) => false,
            Err(e) => e.kind() == ErrorKind::NotFound,
        };
        let locked = record.locked;
        let (kind, facts, at) = if is_lost {
            let facts = Facts::LostLane { unsaved, locked };
            (GcKind::LostLane, facts, record.admin.clone())
        } else {
            let has_open_chunks = self.lane(&spec).is_some_and(|l| {
                let (done, total) = l.progress();
                l.plan.not_built.is_none() && done < total
            });
            let facts = Facts::Lane {
                unmerged,
                has_open_chunks,
                unsaved,
                locked,
            };
            (GcKind::Lane, facts, record.dir.clone())
        };
        let own = Sandbox::private_dir(&record.dir);
        let bytes = tree::size(&record.dir) + tree::size(&record.admin) + tree::size(&own);
        let changed = tree::modified(&at);
        self.add(kind, Target::Lane(record), facts, changed, bytes);
    }

    /// Commits of `tip` beyond `others` that hold more than a sync of a spec or chunks that count.
    fn unmerged(
        &self,
        tip: &Oid,
        others: &[Oid],
        counts: impl Fn(&SpecId, &ChunkId) -> bool,
    ) -> Unmerged {
        let is_left = |commit: &&Beyond| match &commit.chunk {
            Some((spec, chunk)) => !counts(spec, chunk),
            None => !commit.is_sync,
        };
        match self.repo.beyond(tip, others) {
            Ok(commits) => Unmerged::Commits(commits.iter().filter(is_left).count()),
            Err(_) => Unmerged::Unknown,
        }
    }

    /// True when the chunk's mark stands on the base or on its lane; None where nothing is known of it.
    fn is_done(&self, spec: &SpecId, chunk: &ChunkId) -> Option<bool> {
        let lane = self.lane(spec)?;
        match lane.chunk(chunk) {
            Some(_) => Some(lane.is_done(chunk)),
            // Work of no known chunk belongs to any of them.
            None if chunk.as_str() == "unknown" => {
                let (done, total) = lane.progress();
                Some(done == total)
            }
            None => None,
        }
    }

    fn attempts(&mut self) -> Result<(), AppError> {
        for (name, tip) in self.repo.refs_below(ATTEMPTS)? {
            let mut words = name[ATTEMPTS.len()..].split('/');
            let is_done = match (words.next(), words.next(), words.next()) {
                (Some(spec), Some(chunk), Some(_)) => {
                    self.is_done(&SpecId::new(spec), &ChunkId::new(chunk))
                }
                _ => None,
            };
            let changed = self.repo.commit_time(&tip);
            let facts = Facts::Attempt { is_done };
            self.add(GcKind::Attempt, Target::Ref(name, tip), facts, changed, 0);
        }
        Ok(())
    }

    fn archives(&mut self) -> Result<(), AppError> {
        let mut others = self.repo.kept_tips()?;
        others.push(self.survey.base.commit.clone());
        for (name, tip) in self.repo.refs_below(ARCHIVE)? {
            let beyond = self.repo.beyond(&tip, &others);
            let is_elsewhere = beyond.is_ok_and(|commits| commits.is_empty());
            let unmerged = self.unmerged(&tip, &others, |spec, chunk| {
                self.is_done(spec, chunk) == Some(true)
            });
            let facts = Facts::Archive {
                is_elsewhere,
                unmerged,
            };
            // When it was archived stands in its name; the commits may be older.
            let changed = self.repo.commit_time(&tip).max(stamp_of(&name));
            self.add(GcKind::Archive, Target::Ref(name, tip), facts, changed, 0);
        }
        Ok(())
    }

    /// Logs, postmortems, events and ledgers in `.codelicious/`.
    fn records(&mut self) {
        let dir = self.world.dir();
        let is_page = |p: &PathBuf| is_called(p, "postmortem-", ".md") && is_file(p);
        let pages: Vec<PathBuf> = entries(&dir).into_iter().filter(is_page).collect();
        let newest = pages
            .iter()
            .max_by_key(|p| (tree::modified(p), (*p).clone()))
            .cloned();
        let page = newest.as_ref().and_then(|p| read_bounded(p, MAX_PAGE).ok());
        let page = String::from_utf8_lossy(page.as_deref().unwrap_or_default()).into_owned();
        for path in pages {
            let is_newest = newest.as_ref() == Some(&path);
            self.add_file(GcKind::Postmortem, path, Facts::Postmortem { is_newest });
        }

        let logs = dir.join("logs");
        let latest = std::fs::read_link(logs.join("latest.log")).unwrap_or_default();
        for path in entries(&logs)
            .into_iter()
            .filter(|p| is_called(p, "", ".log") && is_file(p))
        {
            let name = path.file_name().unwrap_or_default();
            let facts = Facts::Log {
                is_latest: latest.file_name() == Some(name),
                is_named: page.contains(&*name.to_string_lossy()),
            };
            self.add_file(GcKind::Log, path, facts);
        }

        let current = dir.join(events::FILE_NAME);
        let is_begun = current.metadata().is_ok_and(|m| m.len() > 0);
        for n in 1..=events::Limits::default().keep {
            let path = rotate::generation(&current, n);
            if is_file(&path) {
                let counts_on = n == 1 && !is_begun;
                self.add_file(GcKind::Events, path, Facts::Events { counts_on });
            }
        }

        for path in entries(&dir.join("state")) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_aside = name.starts_with("aside-") || name.contains(".json.corrupt-");
            if is_aside {
                // Moving a file aside leaves its time as it was.
                let changed = tree::modified(&path).max(stamp_of(&name));
                let bytes = tree::size(&path);
                self.add(
                    GcKind::Ledger,
                    Target::Path(path),
                    Facts::Ledger,
                    changed,
                    bytes,
                );
            }
        }
    }

    /// Folders of lanes, other than ours, whose repository is gone.
    fn orphans(&mut self, cache: &Path, ours: Option<&Path>) {
        for folder in entries(cache) {
            let is_lanes = folder.file_name().is_some_and(is_lanes_name) && is_real_dir(&folder);
            if !is_lanes || ours == Some(folder.as_path()) {
                continue;
            }
            let lanes: Vec<PathBuf> = entries(&folder)
                .into_iter()
                .filter(|p| !p.file_name().is_some_and(is_rest))
                .filter(|p| Sandbox::lane_of(p).is_none())
                .collect();
            if lanes.is_empty() || !lanes.iter().all(|lane| is_orphaned(lane)) {
                continue;
            }
            let parts = lanes.iter().flat_map(|l| [l.clone(), l.join(".git")]);
            let changed = parts.filter_map(|p| tree::modified(&p)).max();
            let bytes = tree::size(&folder);
            self.add(
                GcKind::Orphan,
                Target::Path(folder),
                Facts::Orphan,
                changed,
                bytes,
            );
        }
    }
}

/// What is in a folder; nothing where it cannot be read.
fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|e| e.path()).collect()
}

fn is_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|m| m.is_file())
}

fn is_real_dir(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|m| m.is_dir())
}

fn is_called(path: &Path, start: &str, end: &str) -> bool {
    let name = path.file_name().and_then(OsStr::to_str);
    name.is_some_and(|n| n.starts_with(start) && n.ends_with(end))
}

/// True for a name as [`crate::driver::lanes_dir`] makes it: anything, a dash and ten hex digits.
fn is_lanes_name(name: &OsStr) -> bool {
    let parts = name.to_str().and_then(|n| n.rsplit_once('-'));
    parts.is_some_and(|(before, hash)| {
        !before.is_empty() && hash.len() == 10 && hash.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

/// True for a worktree whose repository is not there any more.
fn is_orphaned(lane: &Path) -> bool {
    let dot_git = lane.join(".git");
    if !is_real_dir(lane) || !is_file(&dot_git) {
        return false;
    }
    let Ok(text) = read_bounded(&dot_git, MAX_PAGE) else {
        return false;
    };
    let Some(admin) = text.trim_ascii_end().strip_prefix(b"gitdir: ") else {
        return false;
    };
    // `<common folder>/worktrees/<name>`
    let admin = Path::new(OsStr::from_bytes(admin));
    let common = admin
        .parent()
        .filter(|p| p.file_name() == Some(OsStr::new("worktrees")))
        .and_then(Path::parent)
        .filter(|p| p.is_absolute());
    common.is_some_and(|common| match common.symlink_metadata() {
        Ok(_) => false,
        // Any other error says nothing: a folder that may not be read.
        Err(e) => e.kind() == ErrorKind::NotFound && stands_in_something(common),
    })
}

/// True where there is something around a repository that is gone. A disk that is not mounted leaves an empty folder,
/// or none.
fn stands_in_something(common: &Path) -> bool {
    let around = common.parent().and_then(Path::parent);
    around
        .is_some_and(|dir| std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()))
}

/// The last time of the form `20260102T030405Z` in a name.
fn stamp_of(name: &str) -> Option<DateTime<Utc>> {
    const LENGTH: usize = 16;
    let windows = (0..=name.len().checked_sub(LENGTH)?).rev();
    let parse = |at: usize| {
        NaiveDateTime::parse_from_str(name.get(at..at + LENGTH)?, "%Y%m%dT%H%M%SZ").ok()
    };
    windows.filter_map(parse).map(|t| t.and_utc()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_in_names() {
        let time = DateTime::from_timestamp(1_767_323_045, 0);
        for name in [
            "20260102T030405Z",
            "aside-20260102T030405Z",
            "aside-20260102T030405Z-2",
            "a.json.corrupt-20260102T030405Z-12",
            "refs/codelicious/archive/20250101T000000Z/20260102T030405Z",
        ] {
            assert_eq!(stamp_of(name), time, "{name}");
        }
        for name in [
            "",
            "aside",
            "aside-20261302T030405Z",
            "ä-2026",
            "äöüäöüäöüäöüäöüäöü",
        ] {
            assert_eq!(stamp_of(name), None, "{name}");
        }
    }

    #[test]
    fn folders_of_lanes_by_name() {
        for (name, is_one) in [
            ("project-0123456789", true),
            ("my-project-abcdef0123", true),
            ("project-012345678", false),
            ("project-012345678g", false),
            ("-0123456789", false),
            ("0123456789", false),
            ("project", false),
        ] {
            assert_eq!(is_lanes_name(OsStr::new(name)), is_one, "{name}");
        }
    }
}
