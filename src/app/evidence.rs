//! `evidence`: how a chunk was proven, and whether a branch's commits bear out what they say. Changes nothing.

mod rerun;

use super::error::AppError;
use super::world::{World, read_ledgers, ui_options};
use crate::config::{AuditRequest, Environment, EvidenceRequest, Flags, Format};
use crate::core::evidence::{self, EvidenceError, Facts};
use crate::core::evidence_audit::{Judged, Kind, Rules, audit};
use crate::git::{BRANCHES, LANES, Repo, resolve_base};
use crate::model::evidence::{
    AuditReport, AuditedCommit, CommitKind, EvidenceDoc, EvidenceReport, EvidenceSource,
};
use crate::model::report::REPORT_SCHEMA;
use crate::model::{ChunkId, ExitCode, Oid, SpecId};
use crate::ui;

/// A chunk's commit.
struct Found {
    commit: Oid,
    spec: SpecId,
    chunk: ChunkId,
}

pub fn run(request: &EvidenceRequest, env: &Environment) -> Result<ExitCode, AppError> {
    let world = World::open(&request.path, Flags::default(), env)?;
    let repo = world.repo(env)?;
    let found = find(&repo, request.rev.as_deref())?;
    let (source, evidence) = evidence_of(&world, &repo, &found)?;
    let facts = repo.commit_facts(&found.commit, None)?;
    let report = EvidenceReport {
        schema: REPORT_SCHEMA,
        commit: found.commit,
        subject: facts.subject,
        source,
        evidence,
    };
    match request.output.format {
        Format::Json => world.print(env, &ui::json_text(&ui::evidence::json(&report))),
        Format::Human => {
            let text = ui::evidence::render(&report, &ui_options(env, request.output));
            world.print(env, &text);
        }
    }
    Ok(ExitCode::Done)
}

/// The commit that is meant: the newest chunk's from there on, or a certain chunk's.
fn find(repo: &Repo, rev: Option<&str>) -> Result<Found, AppError> {
    let none = |what: String| {
        AppError::setup(
            what,
            "name a commit, a branch or <spec>:<chunk>; `codelicious status` shows what is built",
        )
    };
    let found = match rev {
        None => {
            let head: Vec<Oid> = repo.head_commit().into_iter().collect();
            match repo.newest_chunk_commit(&head, None)? {
                Some(found) => Some(found),
                None => repo.newest_chunk_commit(&tips(repo)?, None)?,
            }
        }
        Some(word) => match word.split_once(':') {
            Some((spec, chunk)) => {
                let wanted = (&SpecId::from(spec), &ChunkId::from(chunk));
                let mut from = tips(repo)?;
                from.extend(repo.head_commit());
                repo.newest_chunk_commit(&from, Some(wanted))?
            }
            None => {
                let tip = named(repo, word)
                    .ok_or_else(|| none(format!("there is no commit or branch `{word}`")))?;
                repo.newest_chunk_commit(&[tip], None)?
            }
        },
    };
    match (found, rev) {
        (Some((commit, spec, chunk)), _) => Ok(Found {
            commit,
            spec,
            chunk,
        }),
        (None, Some(word)) => Err(none(format!("no commit of a chunk is found at `{word}`"))),
        (None, None) => Err(none("no commit of a chunk is found here".to_owned())),
    }
}

/// Tips of lanes, and of branches of ours here and on remotes.
fn tips(repo: &Repo) -> Result<Vec<Oid>, AppError> {
    let mut tips: Vec<Oid> = Vec::new();
    for prefix in [LANES, "refs/heads/codelicious/", "refs/remotes/"] {
        let refs = repo.refs_below(prefix)?;
        let ours = refs.into_iter().filter(|(name, _)| {
            prefix != "refs/remotes/" || name.contains(&format!("/{BRANCHES}"))
        });
        tips.extend(ours.map(|(_, oid)| oid));
    }
    Ok(tips)
}

/// A branch as typed, or as the remote has it.
fn named(repo: &Repo, word: &str) -> Option<Oid> {
    let remote = || Some(format!("refs/remotes/{}/{word}", repo.default_remote()?));
    repo.commit_called(word)
        .or_else(|| repo.commit_called(&remote()?))
}

fn evidence_of(
    world: &World,
    repo: &Repo,
    found: &Found,
) -> Result<(EvidenceSource, EvidenceDoc), AppError> {
    let note = repo.read_note(&found.commit)?;
    let unread = match note.as_deref().map(evidence::read) {
        Some(Ok(doc)) => return Ok((EvidenceSource::Note, doc)),
        Some(Err(error @ EvidenceError::Newer { .. })) => {
            let what = format!("cannot use the note of {}: {error}", found.commit.short());
            return Err(AppError::setup(what, ""));
        }
        Some(Err(error @ EvidenceError::Damaged { .. })) => format!("; its note: {error}"),
        None => String::new(),
    };
    if let Some(doc) = of_ledger(world, repo, found)? {
        return Ok((EvidenceSource::Ledger, doc));
    }
    Err(AppError::setup(
        format!(
            "there is no evidence of {}:{} ({}) here{unread}",
            found.spec,
            found.chunk,
            found.commit.short()
        ),
        "git fetch origin refs/notes/codelicious:refs/notes/codelicious brings it, where it was sent ([evidence] push)",
    ))
}

fn of_ledger(world: &World, repo: &Repo, found: &Found) -> Result<Option<EvidenceDoc>, AppError> {
    let ledgers = read_ledgers(&world.dir());
    let record = ledgers
        .get(&found.spec)
        .and_then(|ledger| Some((ledger, ledger.chunks.get(&found.chunk)?)));
    let Some((ledger, record)) = record else {
        return Ok(None);
    };
    let is_it = matches!(&record.state, crate::model::ChunkState::Committed { commit } if *commit == found.commit);
    let (Some(evidence), true) = (&record.evidence, is_it) else {
        return Ok(None);
    };
    let Some(trees) = repo.commit_facts(&found.commit, None)?.trees else {
        return Ok(None);
    };
    let facts = Facts {
        version: env!("CARGO_PKG_VERSION"),
        spec: &found.spec,
        spec_path: &ledger.path,
        chunk: &found.chunk,
        trees: &trees,
    };
    Ok(Some(evidence::document(&facts, record, evidence)))
}

pub fn verify(request: &AuditRequest, env: &Environment) -> Result<ExitCode, AppError> {
    let world = World::open(&request.path, Flags::default(), env)?;
    let repo = world.repo(env)?;
    let (tip, base) = ends(&world, &repo, request)?;
    let rules = Rules {
        strict: request.strict,
        require_notes: request.require_notes,
    };
    let mut commits = Vec::new();
    for commit in repo.commits_beyond(&tip, &base)? {
        let note = repo.read_note(&commit)?;
        let facts = repo.commit_facts(&commit, note)?;
        commits.push(told(audit(&facts, rules)));
    }
    let rerun = match request.rerun {
        true => Some(rerun::rerun(&world, &repo, env, &base, &tip)?),
        false => None,
    };
    let passed = commits
        .iter()
        .all(|c: &AuditedCommit| c.failures.is_empty())
        && rerun.as_ref().is_none_or(|r| r.passed);
    let report = AuditReport {
        schema: REPORT_SCHEMA,
        branch: request.branch.clone(),
        tip,
        base,
        passed,
        commits,
        rerun,
    };
    match request.output.format {
        Format::Json => world.print(env, &ui::json_text(&ui::evidence::audit_json(&report))),
        Format::Human => {
            let text = ui::evidence::render_audit(&report, &ui_options(env, request.output));
            if !text.is_empty() {
                world.print(env, &text);
            }
        }
    }
    Ok(match report.passed {
        true => ExitCode::Done,
        false => ExitCode::Incomplete,
    })
}

/// The branch's tip, and where it left its base.
fn ends(world: &World, repo: &Repo, request: &AuditRequest) -> Result<(Oid, Oid), AppError> {
    const FETCH: &str =
        "fetch it first; in a CI job check out with all of the history (fetch-depth: 0)";
    let missing =
        |word: &str| AppError::setup(format!("there is no branch or commit `{word}` here"), FETCH);
    let tip = named(repo, &request.branch).ok_or_else(|| missing(&request.branch))?;
    let base = match &request.base {
        Some(word) => named(repo, word).ok_or_else(|| missing(word))?,
        None => {
            let remote = repo.default_remote();
            let configured = world.settings.base.as_deref();
            resolve_base(repo, configured, remote.as_deref())?.commit
        }
    };
    match repo.merge_base(&tip, &base)? {
        Some(common) => Ok((tip, common)),
        None if repo.is_shallow() => Err(AppError::setup(
            format!(
                "the clone is cut off before `{}` and its base meet",
                request.branch
            ),
            "git fetch --unshallow; in a CI job check out with fetch-depth: 0",
        )),
        None => Err(AppError::setup(
            format!(
                "`{}` and its base have no history in common",
                request.branch
            ),
            "name what it is to be merged into with --base",
        )),
    }
}

fn told(judged: Judged) -> AuditedCommit {
    let (kind, spec, chunk) = match judged.kind {
        Kind::Chunk { spec, chunk } => (CommitKind::Chunk, Some(spec), Some(chunk)),
        Kind::Sync { spec } => (CommitKind::Sync, Some(spec), None),
        Kind::Foreign => (CommitKind::Person, None, None),
    };
    AuditedCommit {
        commit: judged.commit,
        subject: judged.subject,
        kind,
        spec,
        chunk,
        verdict: judged.verdict,
        failures: judged.failures,
        notes: judged.notes,
    }
}
