//! What stands around engines and checks.

use super::{Finding, Verdict};
use crate::app::walls;
use crate::app::world::World;
use crate::config::Environment;
use crate::model::policy::Preset;
use crate::sandbox::gateway::Upstream;
use crate::sandbox::{Sandbox, Subject, presets};

/// What wall there is for each preset, and what of it this machine does not enforce.
pub(super) fn findings(world: &World, env: &Environment) -> Vec<Finding> {
    let finding = |verdict, found: String, remedy: &str| Finding {
        what: "sandbox",
        verdict,
        found,
        remedy: remedy.to_owned(),
    };
    if world.settings.walls.off {
        return vec![finding(
            Verdict::Note,
            format!(
                "unsandboxed ({}): engines and checks reach everything you can",
                world.settings.sandbox.origin
            ),
            "leave `mode` below `[sandbox]` out, and --sandbox as well",
        )];
    }
    let abilities = walls::abilities();
    let engines = world.settings.chain().iter();
    let engines = engines
        .filter_map(|e| world.settings.engine(e))
        .map(|e| e.kind);
    let used = walls::uses(world, engines);
    let mut findings = Vec::new();
    for preset in Preset::ALL {
        let machine = walls::machine(world, env, &[preset]);
        let made = Sandbox::new(world.settings.walls.clone(), machine, abilities.clone());
        // A chain that is chosen by what is installed may ask for any.
        let is_used = used.contains(&preset) || (preset != Preset::Setup && used.len() == 1);
        findings.push(match made {
            Ok(sandbox) => {
                let explained = sandbox.explain(&Subject {
                    preset,
                    lane: &world.info.root,
                    command: "",
                    env: &[],
                });
                let network = explained.map(|e| e.wall.network.word()).unwrap_or_default();
                let verdict = match network {
                    "full" => Verdict::Note,
                    _ => Verdict::Ok,
                };
                finding(verdict, format!("{preset}: network {network}"), "")
            }
            Err(e) if is_used => {
                finding(Verdict::Missing, format!("{preset}: {}", e.why), &e.remedy)
            }
            Err(e) => finding(Verdict::Note, format!("{preset}: {}", e.why), &e.remedy),
        });
    }
    let lacks = presets::lacks(&abilities).into_iter();
    findings.extend(
        lacks.map(|lack| finding(Verdict::Note, lack, "see docs/sandbox.md of codelicious")),
    );
    let proxy = env
        .proxy()
        .map(|(proxy, past)| Upstream::parse(proxy, past));
    if let Some(Err(why)) = proxy {
        let remedy = "what runs inside reaches no host until HTTPS_PROXY names one of that kind";
        findings.push(finding(Verdict::Note, why, remedy));
    }
    findings
}
