//! `doctor`: what is there, what is missing, what to type.

mod walls;

use super::checks::Known;
use super::engine;
use super::error::AppError;
use super::forge::{self, Opened};
use super::preflight::{ask_forge, of_check, of_error};
use super::world::{SystemClock, World, ui_options};
use crate::config::{DoctorRequest, EngineKind, Environment, Format};
use crate::core::preflight;
use crate::engines::claude_code;
use crate::git::preflight::{Options, probe};
use crate::git::{Repo, identity, remote_url, resolve_base};
use crate::model::{self, ExitCode};
use crate::ports::{Clock as _, StopSignal};
use crate::proc;
use serde::Serialize;

/// Version of the JSON shape.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Report {
    schema: u32,
    version: &'static str,
    findings: Vec<Finding>,
}

#[derive(Clone, Serialize)]
struct Finding {
    what: &'static str,
    verdict: Verdict,
    found: String,
    /// What to type; empty when nothing is amiss.
    remedy: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    /// A run works, with less.
    Note,
    /// A run would not start.
    Missing,
}

pub fn run(request: &DoctorRequest, env: &Environment) -> Result<ExitCode, AppError> {
    let world = World::open(&request.path, request.flags.clone(), env)?;
    let repo = world.repo(env)?;
    let mut findings = vec![Finding {
        what: "repository",
        verdict: Verdict::Ok,
        found: world.info.root.display().to_string(),
        remedy: String::new(),
    }];
    findings.push(git(&world, env));
    findings.extend(delivery(&world, &repo, env));
    findings.extend(checks(&world, &repo, env));
    findings.extend(coverage(&world, &repo, env));
    findings.extend(policy(&world, &repo));
    findings.extend(the_engines(&world, env));
    findings.extend(the_reviewer(&world, env));
    findings.extend(walls::findings(&world, env));
    findings.extend(settings(&world));
    findings.extend(env.unreadable().iter().map(|name| Finding {
        what: "environment",
        verdict: Verdict::Note,
        found: format!("{name} is not UTF-8 and does not reach engines and checks"),
        remedy: String::new(),
    }));

    let missing = findings.iter().any(|f| f.verdict == Verdict::Missing);
    let report = Report {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        findings,
    };
    match request.output.format {
        Format::Json => {
            let value = serde_json::to_value(&report);
            let value = value.map_err(|e| AppError::setup(e.to_string(), ""))?;
            world.print(env, &crate::ui::json_text(&value));
        }
        Format::Human => {
            let text = render(&report, ui_options(env, request.output).color);
            world.print(env, &text);
        }
    }
    Ok(if missing {
        ExitCode::Setup
    } else {
        ExitCode::Done
    })
}

fn git(world: &World, env: &Environment) -> Finding {
    match proc::find_program("git", &env.git_env(&world.settings)) {
        Some(path) => Finding {
            what: "git",
            verdict: Verdict::Ok,
            found: path.display().to_string(),
            remedy: String::new(),
        },
        None => Finding {
            what: "git",
            verdict: Verdict::Missing,
            found: "there is no program `git` on PATH".to_owned(),
            remedy: "install git".to_owned(),
        },
    }
}

fn who(repo: &Repo) -> Finding {
    match identity(repo) {
        Ok(()) => Finding {
            what: "identity",
            verdict: Verdict::Ok,
            found: format!(
                "{} <{}>",
                repo.config("user.name").unwrap_or_default(),
                repo.config("user.email").unwrap_or_default()
            ),
            remedy: String::new(),
        },
        Err(e) => Finding {
            what: "identity",
            verdict: Verdict::Missing,
            found: e.to_string(),
            remedy: e.remedy,
        },
    }
}

fn remote(repo: &Repo) -> Finding {
    match repo.default_remote() {
        Some(name) => {
            let url = remote_url(repo, &name).unwrap_or_default();
            Finding {
                what: "remote",
                verdict: Verdict::Ok,
                found: format!("{name} {url}"),
                remedy: String::new(),
            }
        }
        None => Finding {
            what: "remote",
            verdict: Verdict::Note,
            found: "none: work stays on branches here".to_owned(),
            remedy: "git remote add origin <url>".to_owned(),
        },
    }
}

/// Where pull requests go, who says so, and what it says of itself; with who commits, the remote and the base.
fn delivery(world: &World, repo: &Repo, env: &Environment) -> Vec<Finding> {
    let remote_name = repo.default_remote();
    let base = match resolve_base(repo, world.settings.base.as_deref(), remote_name.as_deref()) {
        Ok(base) => base,
        Err(e) => {
            let no_base = missing("base", e.to_string(), e.remedy);
            return [
                vec![who(repo), remote(repo), no_base],
                the_forge(forge::open(world, env)).0,
            ]
            .concat();
        }
    };
    let (about_forge, opened) = the_forge(forge::open(world, env));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(e) => return vec![missing("runtime", e.to_string(), String::new())],
    };
    let options = Options {
        remote: !world.flags.skip_auth_check,
        signing: !world.flags.skip_credential_probe,
        may_prompt: false,
    };
    let vars = env.git_env(&world.settings);
    let (_handle, stop) = StopSignal::new();
    let asked = async {
        let root = &world.info.root;
        let facts = probe(root, remote_name.as_deref(), &base, &vars, options, stop).await;
        let checked = match &opened {
            Some(opened) if options.remote => {
                Some(ask_forge(opened.forge.as_ref(), &world.settings, &base).await)
            }
            Some(_) | None => None,
        };
        (facts, checked)
    };
    let (facts, checked) = runtime.block_on(asked);
    let token_from = opened.map(|o| o.token_from).unwrap_or_default();
    let of_forge = match checked {
        Some(Ok(check)) => of_check(check, &base.branch, SystemClock.now()),
        Some(Err(e)) => vec![of_error(&e, &token_from)],
        None => Vec::new(),
    };
    let probed = preflight::findings(&facts).into_iter().map(Finding::from);
    probed
        .chain(about_forge)
        .chain(of_forge.into_iter().map(Finding::from))
        .collect()
}

/// The forge, if it can be opened.
fn the_forge(opened: Result<Opened, AppError>) -> (Vec<Finding>, Option<Opened>) {
    let opened = match opened {
        Ok(opened) => opened,
        Err(e) => return (vec![missing("forge", e.message, e.hint)], None),
    };
    let ok = |what, found| Finding {
        what,
        verdict: Verdict::Ok,
        found,
        remedy: String::new(),
    };
    let mut findings = vec![ok(
        "forge",
        format!("{} ({})", opened.label, opened.because),
    )];
    if !opened.token_from.is_empty() {
        findings.push(ok("token", format!("from {}", opened.token_from)));
    }
    findings.extend(opened.notes.iter().map(|found| Finding {
        what: "forge",
        verdict: Verdict::Note,
        found: found.clone(),
        remedy: String::new(),
    }));
    (findings, Some(opened))
}

fn missing(what: &'static str, found: String, remedy: String) -> Finding {
    Finding {
        what,
        verdict: Verdict::Missing,
        found,
        remedy,
    }
}

impl From<model::preflight::Finding> for Finding {
    fn from(found: model::preflight::Finding) -> Self {
        let model::preflight::Finding {
            what,
            verdict,
            found,
            remedy,
        } = found;
        Self {
            what,
            verdict: match verdict {
                model::preflight::Verdict::Ok => Verdict::Ok,
                model::preflight::Verdict::Note => Verdict::Note,
                model::preflight::Verdict::Problem => Verdict::Missing,
            },
            found,
            remedy,
        }
    }
}

fn checks(world: &World, repo: &Repo, env: &Environment) -> Vec<Finding> {
    let root = &world.info.root;
    let found = match super::checks::known(&world.settings, env, root, repo, true) {
        Ok(found) => found,
        Err(error) => return vec![missing("checks", error.message, error.hint)],
    };
    if found.is_empty() {
        return vec![Finding {
            what: "checks",
            verdict: Verdict::Note,
            found: "none found: work will be unverified, and every output says so".to_owned(),
            remedy: "name the repository's checks below `[verify]` in codelicious.toml".to_owned(),
        }];
    }
    let can_go_on = *world.settings.verify.allow_unverified;
    let one = |check: Known| {
        let Some(why) = &check.missing else {
            return Finding {
                what: "checks",
                verdict: Verdict::Ok,
                found: check.shown(),
                remedy: String::new(),
            };
        };
        Finding {
            what: "checks",
            verdict: match check.optional || can_go_on {
                true => Verdict::Note,
                false => Verdict::Missing,
            },
            found: format!("{}: not available: {why}", check.shown()),
            remedy: format!(
                "install it, or leave the check out: `disable = [\"{}\"]` below `[verify]` in codelicious.toml",
                check.name
            ),
        }
    };
    found.into_iter().map(one).collect()
}

/// What would measure coverage, where somebody wants to know.
/// Whether the repository wants what a model makes.
fn policy(world: &World, repo: &Repo) -> Option<Finding> {
    let (settings, remote) = (&world.settings, repo.default_remote());
    let base = resolve_base(repo, settings.base.as_deref(), remote.as_deref()).ok()?;
    let policy = super::survey::forbidding(repo, &base.commit).ok()??;
    Some(Finding {
        what: "policy",
        verdict: Verdict::Note,
        found: format!("{}:{}: {}", policy.path, policy.line, policy.message()),
        remedy: policy.remedy(),
    })
}

fn coverage(world: &World, repo: &Repo, env: &Environment) -> Vec<Finding> {
    let root = &world.info.root;
    let said = match super::checks::would_measure(&world.settings, env, root, repo) {
        Ok(None) => return Vec::new(),
        Ok(Some(said)) => said,
        Err(error) => return vec![missing("coverage", error.message, error.hint)],
    };
    match said {
        Ok(found) => vec![Finding {
            what: "coverage",
            verdict: Verdict::Ok,
            found: found.join(", "),
            remedy: String::new(),
        }],
        Err(why) => {
            let bounds = &world.settings.coverage;
            let is_bound = bounds.min.is_some() || bounds.changed_min.is_some();
            vec![Finding {
                what: "coverage",
                verdict: match is_bound {
                    true => Verdict::Missing,
                    false => Verdict::Note,
                },
                found: format!("nothing would be measured: {why}"),
                remedy: "set `command` and `report` below `[coverage]` in codelicious.toml, or take the bounds away"
                    .to_owned(),
            }]
        }
    }
}

fn the_engines(world: &World, env: &Environment) -> Vec<Finding> {
    let found = engine::look(&world.settings, env, false);
    if found.is_empty() {
        let error = engine::chain(&world.settings, env, false).err();
        let (found, remedy) = error.map(|e| (e.message, e.hint)).unwrap_or_default();
        return vec![Finding {
            what: "engine",
            verdict: Verdict::Missing,
            found,
            remedy,
        }];
    }
    let is_usable = found.iter().any(Result::is_ok);
    let one = |found| match found {
        Ok(engine::Chosen { kind, label, .. }) => Finding {
            what: "engine",
            verdict: Verdict::Ok,
            found: match kind {
                EngineKind::Claude => version(world, env).unwrap_or(label),
                EngineKind::Command => {
                    engine::version(&world.settings, env, &label).unwrap_or(label)
                }
                EngineKind::Replay
                | EngineKind::HuggingFace
                | EngineKind::OpenAi
                | EngineKind::Anthropic => label,
            },
            remedy: String::new(),
        },
        // Left out of the chain, which goes on without it where there is another one.
        Err(engine::Unusable { why, remedy, .. }) => Finding {
            what: "engine",
            verdict: match is_usable {
                true => Verdict::Note,
                false => Verdict::Missing,
            },
            found: why,
            remedy,
        },
    };
    found.into_iter().map(one).collect()
}

fn the_reviewer(world: &World, env: &Environment) -> Vec<Finding> {
    let finding = |verdict, found: String, remedy: &str| Finding {
        what: "reviewer",
        verdict,
        found,
        remedy: remedy.to_owned(),
    };
    let chosen = match engine::reviewer(&world.settings, env, false) {
        None => return Vec::new(),
        Some(Ok(chosen)) => chosen,
        // A run goes on without it.
        Some(Err(out)) => return vec![finding(Verdict::Note, out.why, &out.remedy)],
    };
    let chain: Vec<_> = engine::look(&world.settings, env, false)
        .into_iter()
        .flatten()
        .collect();
    let model = chosen.model.as_ref().map(|m| format!(" with {m}"));
    let found = format!("{}{}", chosen.label, model.unwrap_or_default());
    let mut findings = vec![finding(Verdict::Ok, found, "")];
    if let Some(why) = engine::reviews_its_own(&chosen, &chain) {
        findings.push(finding(Verdict::Note, why, ""));
    }
    findings
}

fn version(world: &World, env: &Environment) -> Option<String> {
    let vars = env.engine_env(&world.settings, EngineKind::Claude);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    let probe = runtime
        .block_on(claude_code::probe(&world.settings.claude.path, &vars))
        .ok()?;
    Some(format!(
        "claude {} at {}",
        probe.version,
        probe.program.display()
    ))
}

fn settings(world: &World) -> Vec<Finding> {
    let set = world.settings.set.iter();
    set.map(|s| Finding {
        what: "setting",
        verdict: Verdict::Ok,
        found: format!("{} = {} ({})", s.key, s.value, s.origin),
        remedy: String::new(),
    })
    .collect()
}

fn render(report: &Report, color: bool) -> String {
    let mut out = format!("codelicious {}\n\n", report.version);
    for finding in &report.findings {
        let (word, code) = match finding.verdict {
            Verdict::Ok => ("ok", "32"),
            Verdict::Note => ("note", "33"),
            Verdict::Missing => ("missing", "31"),
        };
        let padded = format!("{word:<8}");
        let word = if color {
            format!("\x1b[{code}m{padded}\x1b[0m")
        } else {
            padded
        };
        out.push_str(&format!(
            "{word}{:<12}{}\n",
            finding.what,
            crate::ui::clean(&finding.found)
        ));
        if !finding.remedy.is_empty() {
            let remedy = crate::ui::clean(&finding.remedy);
            out.push_str(&format!("{:<20}-> {remedy}\n", ""));
        }
    }
    out
}
