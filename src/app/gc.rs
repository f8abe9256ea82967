//! `gc`: what runs left behind and nothing needs any more. Says it, and with `--yes` removes it.

mod look;

use super::error::AppError;
use super::world::{SystemClock, SystemRng, World, lock_info, new_run_id, ui_options};
use crate::config::{Environment, Flags, Format, GcRequest};
use crate::core::gc::Verdict;
use crate::fsx::lock::{LockError, RunLock, peek};
use crate::fsx::tree;
use crate::git::{LaneRecord, Repo, remove_lane};
use crate::model::gc::{GcKind, GcReport, GcThing};
use crate::model::report::REPORT_SCHEMA;
use crate::model::{ExitCode, Oid};
use crate::sandbox::Sandbox;
use crate::ui;
use std::path::PathBuf;

/// One thing that was found, judged.
struct Found {
    kind: GcKind,
    name: String,
    age_s: Option<u64>,
    bytes: u64,
    target: Target,
    verdict: Verdict,
}

/// What removing a thing removes.
enum Target {
    Lane(LaneRecord),
    /// A file, or a folder with all in it.
    Path(PathBuf),
    /// A ref, where it still points to this.
    Ref(String, Oid),
}

pub fn run(request: &GcRequest, env: &Environment) -> Result<ExitCode, AppError> {
    let world = World::open(&request.path, Flags::default(), env)?;
    let dir = world.dir();
    if request.yes
        && let Some(holder) = peek(&dir, &world.info.common_dir)?
    {
        return Err(LockError::Held(holder).into());
    }
    let repo = world.repo(env)?;
    let mut found = look::look(&world, &repo, env)?;
    let is_due = |f: &Found| matches!(f.verdict, Verdict::Remove(_));
    let mut errors = Vec::new();
    if request.yes && found.iter().any(is_due) {
        let run = new_run_id(&SystemClock, &SystemRng);
        let _lock = RunLock::acquire(&dir, &world.info.common_dir, lock_info(&run, &SystemClock))?;
        // A run may have begun and ended since the first look.
        found = look::look(&world, &repo, env)?;
        errors = found
            .iter()
            .map(|f| is_due(f).then(|| remove(&repo, &f.target).err()).flatten())
            .collect();
    }
    errors.resize(found.len(), None);
    let report = report(found, errors, request.yes);
    match request.output.format {
        Format::Json => world.print(env, &ui::json_text(&ui::gc::json(&report))),
        Format::Human => {
            let text = ui::gc::render(&report, &ui_options(env, request.output));
            if !text.is_empty() {
                world.print(env, &text);
            }
        }
    }
    let failed = report.things.iter().any(|t| t.error.is_some());
    Ok(if failed {
        ExitCode::Setup
    } else {
        ExitCode::Done
    })
}

/// Removes one thing; one that is gone already is fine. The error is told, and the others are removed all the
/// same.
fn remove(repo: &Repo, target: &Target) -> Result<(), String> {
    match target {
        Target::Lane(record) => {
            remove_lane(record).map_err(|e| e.to_string())?;
            // Its own home, temporary files and caches mean nothing without it.
            let own = Sandbox::private_dir(&record.dir);
            tree::remove(&own).map_err(|e| e.to_string())
        }
        Target::Path(path) => tree::remove(path).map_err(|e| e.to_string()),
        Target::Ref(name, oid) => repo.delete_ref_at(name, oid).map_err(|e| e.to_string()),
    }
}

fn report(found: Vec<Found>, errors: Vec<Option<String>>, acted: bool) -> GcReport {
    let mut things: Vec<GcThing> = found
        .into_iter()
        .zip(errors)
        .map(|(found, error)| {
            let (remove, why) = match found.verdict {
                Verdict::Remove(why) => (true, why),
                Verdict::Keep(why) => (false, why),
            };
            GcThing {
                kind: found.kind,
                name: found.name,
                age_s: found.age_s,
                bytes: found.bytes,
                remove,
                why,
                error,
            }
        })
        .collect();
    things.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    let gone = things.iter().filter(|t| t.remove && t.error.is_none());
    GcReport {
        schema: REPORT_SCHEMA,
        acted,
        bytes: gone.map(|t| t.bytes).sum(),
        things,
    }
}
