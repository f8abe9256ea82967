//! `prompt`: what an engine would be sent for a chunk, to the letter, and how much that is. Changes nothing.

use super::error::AppError;
use super::world::{World, ui_options};
use super::{checks, engine, find, secrets};
use crate::config::{Environment, Format, PromptRequest, Verbosity};
use crate::core::prompt::{self, Before, Ending};
use crate::core::{moves, tokens};
use crate::model::report::{PromptReport, REPORT_SCHEMA};
use crate::model::{Chunk, ChunkRecord, ChunkState, ExitCode, Ledger, SpecId, SpecPlan};
use crate::ui;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

pub fn run(request: &PromptRequest, env: &Environment) -> Result<ExitCode, AppError> {
    let world = World::open(&request.path, request.flags.clone(), env)?;
    let repo = world.repo(env)?;
    let mut scope = world.scope(&repo, &request.specs, env)?;
    let redactor = Arc::new(secrets::redactor(&world, env));
    scope.redactor = Some(Arc::clone(&redactor));
    let (mut found, mut ledgers) = world.look(&repo, &scope)?;
    let (plan, _) = find::find(&found, &request.chunk, |p, c| state(&ledgers, p, c))?;
    if plan.waits_for.is_some() {
        // As it would be sent once that is settled.
        scope.named = vec![plan.path.clone()];
        (found, ledgers) = world.look(&repo, &scope)?;
    }
    let (plan, chunk) = find::find(&found, &request.chunk, |p, c| state(&ledgers, p, c))?;

    // The first engine that a run would try; without one the prompt is that of the first that is known.
    let chosen = engine::look(&world.settings, env, false);
    let chosen = chosen.into_iter().find_map(Result::ok);
    let ending = chosen.as_ref().map_or(Ending::Object, |c| c.ending);
    let answers = record(&ledgers, plan, chunk).and_then(moves::answers);
    let answers = answers.as_deref().map(|a| redactor.redact(a));
    let known = checks::known(&world.settings, env, &world.info.root, &repo, false)?;
    let list = known.iter().map(|c| (c.command.as_str(), c.dir.as_str()));
    let sent = prompt::build(
        &engine::system_prompt(ending),
        plan,
        chunk,
        &prompt::check_list(list),
        Before {
            answer: answers.as_deref(),
            ..Before::default()
        },
    );
    let size = |path: &String| {
        let meta = world.info.root.join(path).metadata().ok();
        let len = meta.filter(std::fs::Metadata::is_file).map(|m| m.len());
        len.map_or(0, tokens::for_bytes)
    };
    let report = PromptReport {
        schema: REPORT_SCHEMA,
        spec: plan.id.clone(),
        chunk: chunk.id.clone(),
        engine: chosen.map(|c| c.label),
        system_tokens: tokens::estimate(&sent.system),
        user_tokens: tokens::estimate(&sent.user),
        context_tokens: tokens::estimate(&chunk.context),
        file_tokens: chunk.files.iter().map(size).sum(),
        budget_tokens: scope.budget_tokens,
        system: redactor.redact(&sent.system).into_owned(),
        user: redactor.redact(&sent.user).into_owned(),
    };
    match request.output.format {
        Format::Json => world.print(env, &ui::prompt::json(&report)),
        Format::Human => {
            world.print(env, &ui::prompt::text(&report));
            if request.output.verbosity != Verbosity::Quiet {
                let sizes = ui::prompt::sizes(&report, &ui_options(env, request.output));
                let _ = std::io::stderr().lock().write_all(sizes.as_bytes());
            }
        }
    }
    Ok(ExitCode::Done)
}

/// Where a chunk stands.
fn state(ledgers: &BTreeMap<SpecId, Ledger>, plan: &SpecPlan, chunk: &Chunk) -> &'static str {
    match (chunk.done, record(ledgers, plan, chunk)) {
        (true, _) => "done",
        (false, Some(record)) => record.state.word(),
        (false, None) => ChunkState::Pending.word(),
    }
}

/// What the ledger has of a chunk.
fn record<'l>(
    ledgers: &'l BTreeMap<SpecId, Ledger>,
    plan: &SpecPlan,
    chunk: &Chunk,
) -> Option<&'l ChunkRecord> {
    ledgers.get(&plan.id)?.chunks.get(&chunk.id)
}
