//! The wall around what a run causes, made of settings and of what this machine has.

mod machine;
mod programs;

use super::error::AppError;
use super::world::World;
use crate::config::{EngineKind, Environment};
use crate::model::policy::{Abilities, Preset};
use crate::sandbox::caches::CacheError;
use crate::sandbox::presets::Machine;
use crate::sandbox::{Refused, Sandbox, gateway, probe};

/// The sandbox as the settings have it, for these presets.
///
/// # Errors
/// The machine cannot put it up, and the user did not switch it off: exit code 2.
pub fn sandbox(world: &World, env: &Environment, uses: &[Preset]) -> Result<Sandbox, AppError> {
    if world.settings.walls.off {
        return Ok(Sandbox::off());
    }
    if let Some((proxy, past)) = env.proxy() {
        gateway::set_upstream(proxy, past);
    }
    let machine = machine(world, env, uses);
    Ok(Sandbox::new(
        world.settings.walls.clone(),
        machine,
        abilities(),
    )?)
}

/// What the machine has, for these presets.
pub fn machine(world: &World, env: &Environment, uses: &[Preset]) -> Machine {
    Machine {
        uses: uses.to_vec(),
        ..machine::read(world, env)
    }
}

/// What it can enforce.
pub fn abilities() -> Abilities {
    probe::abilities()
}

/// The presets that a run with such engines asks for.
pub fn uses(world: &World, engines: impl IntoIterator<Item = EngineKind>) -> Vec<Preset> {
    let mut uses = vec![Preset::Verify];
    if !world.settings.worktree.setup.is_empty() {
        uses.push(Preset::Setup);
    }
    uses.extend(engines.into_iter().map(preset_of));
    uses.sort();
    uses.dedup();
    uses
}

/// What an engine's own processes run under.
pub fn preset_of(kind: EngineKind) -> Preset {
    match kind {
        EngineKind::Claude | EngineKind::Command => Preset::AgentCli,
        EngineKind::Replay
        | EngineKind::HuggingFace
        | EngineKind::OpenAi
        | EngineKind::Anthropic => Preset::EngineTool,
    }
}

impl From<CacheError> for AppError {
    fn from(e: CacheError) -> Self {
        Self::setup(e.to_string(), "make room there, or see `[worktree] dir`")
    }
}

impl From<Refused> for AppError {
    fn from(refused: Refused) -> Self {
        Self::setup(refused.to_string(), refused.remedy)
    }
}
