//! Agents' command lines by their tables.

use super::{Chosen, Of, Tells, Why};
use crate::app::world::SystemClock;
use crate::config::{EngineKind, EngineSettings, Environment, Settings};
use crate::core::prompt::Ending;
use crate::engines::command::{self, CommandConfig, CommandEngine, CommandTable};
use crate::model::Allowance;
use crate::sandbox::homes::{self, Agent};

pub(super) fn engine(of: Of<'_>, own: &EngineSettings) -> Result<Chosen, Why> {
    let config = config(of.settings, of.name, of.model.as_deref(), own)?;
    let env = of.env.command_env(of.settings, &config.env_pass);
    if !of.skip_probe && command::find(&config, &env).is_none() {
        return Err((
            format!(
                "the engine `{}` is not there: no program `{}` on PATH",
                of.name,
                config.program.display()
            ),
            config.install.clone(),
        ));
    }
    let one = |usd, tokens| config.cannot_bound(&Allowance { usd, tokens }).is_none();
    Ok(Chosen {
        kind: EngineKind::Command,
        agent: agent(&config, of.name, own),
        ending: match config.declares() {
            true => Ending::Object,
            false => Ending::Silent,
        },
        model: of.model,
        env,
        tells: Tells {
            cost: one(Some(1.0), None),
            tokens: one(None, Some(1)),
        },
        names_sessions: false,
        resumes: config.resumes(),
        secret: None,
        redactor: None,
        label: of.name.to_owned(),
        engine: Box::new(CommandEngine::new(config, Box::new(SystemClock))),
        planner: None,
    })
}

/// The agent whose program it is: by the program's own name, or by the preset that the table goes by.
fn agent(config: &CommandConfig, name: &str, own: &EngineSettings) -> Option<&'static Agent> {
    let preset = own.command.table.get("preset").and_then(|p| p.as_str());
    let program = config.program.to_str();
    [program, preset, Some(name)]
        .into_iter()
        .flatten()
        .find_map(homes::find)
}

/// The table as it is written, with the price that is known of its model.
fn config(
    settings: &Settings,
    name: &str,
    model: Option<&str>,
    own: &EngineSettings,
) -> Result<CommandConfig, Why> {
    let refused = |why: String| {
        let remedy = format!("{}: correct [engine.{name}]", own.command.at);
        (format!("[engine.{name}]: {why}"), remedy)
    };
    let table = CommandTable::read(own.command.table.clone()).map_err(refused)?;
    let mut config = table.resolve(name).map_err(refused)?;
    let known = settings.price_of(name, model.unwrap_or("*"));
    config.price = config.price.or(known.map(|p| p.price));
    Ok(config)
}

/// What the CLI says of itself, for `doctor`.
pub fn version(settings: &Settings, env: &Environment, name: &str) -> Option<String> {
    let own = settings.engines.get(name)?;
    let config = config(settings, name, None, own).ok()?;
    let vars = env.command_env(settings, &config.env_pass);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    let probe = runtime.block_on(command::probe(&config, &vars)).ok()?;
    Some(format!(
        "{name} {} at {}",
        probe.version,
        probe.program.display()
    ))
}
