//! `doctor`: what is there, what is missing, what to type.

use super::engine;
use super::error::AppError;
use super::forge::{self, Choice};
use super::world::{World, ui_options};
use crate::config::{DoctorRequest, EngineKind, Environment, Format};
use crate::engines::claude_code;
use crate::git::{Repo, files_of_tree, identity, push_url, remote_url, resolve_base};
use crate::model::ExitCode;
use crate::proc;
use crate::verify::FileView;
use serde::Serialize;

/// Version of the JSON shape.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Report {
    schema: u32,
    version: &'static str,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
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
    findings.push(who(&repo));
    findings.push(remote(&repo));
    findings.push(base(&world, &repo));
    findings.extend(the_forge(&world, &repo, env));
    findings.extend(checks(&world, &repo));
    findings.extend(the_engines(&world, env));
    findings.push(sandbox());
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

fn base(world: &World, repo: &Repo) -> Finding {
    match resolve_base(
        repo,
        world.settings.base.as_deref(),
        repo.default_remote().as_deref(),
    ) {
        Ok(base) => Finding {
            what: "base",
            verdict: Verdict::Ok,
            found: format!("{} at {}", base.branch, base.commit.short()),
            remedy: String::new(),
        },
        Err(e) => Finding {
            what: "base",
            verdict: Verdict::Missing,
            found: e.to_string(),
            remedy: e.remedy,
        },
    }
}

/// Where pull requests go, and who says so.
fn the_forge(world: &World, repo: &Repo, env: &Environment) -> Vec<Finding> {
    let url = repo.default_remote().and_then(|name| push_url(repo, &name));
    let choice = match forge::choose(&world.settings, env, &world.info.root, url.as_deref()) {
        Ok(choice) => choice,
        Err(e) => {
            return vec![Finding {
                what: "forge",
                verdict: Verdict::Missing,
                found: e.message,
                remedy: e.hint,
            }];
        }
    };
    let ok = |what, found| Finding {
        what,
        verdict: Verdict::Ok,
        found,
        remedy: String::new(),
    };
    let mut findings = vec![ok(
        "forge",
        format!("{} ({})", choice.label(), choice.because()),
    )];
    if let Choice::Hosted(place) = &choice {
        findings.push(ok("token", format!("from {}", place.token_from)));
    }
    findings.extend(
        choice
            .notes(&world.settings)
            .into_iter()
            .map(|found| Finding {
                what: "forge",
                verdict: Verdict::Note,
                found,
                remedy: String::new(),
            }),
    );
    findings
}

fn checks(world: &World, repo: &Repo) -> Vec<Finding> {
    let settings = &world.settings.verify;
    let mut found: Vec<String> = settings.commands.iter().map(|c| c.name.clone()).collect();
    if *settings.detect {
        let files = repo
            .head_commit()
            .and_then(|head| files_of_tree(repo, &head).ok())
            .unwrap_or_default();
        let root = world.info.root.clone();
        let read = |path: &str| std::fs::read_to_string(root.join(path)).ok();
        let view = FileView::new(files.iter().map(String::as_str), &read);
        for project in crate::verify::detect::detect(&view) {
            found.extend(project.checks.iter().map(|c| c.command()));
        }
    }
    if found.is_empty() {
        return vec![Finding {
            what: "checks",
            verdict: Verdict::Note,
            found: "none found: work will be unverified, and every output says so".to_owned(),
            remedy: "name the repository's checks below `[verify]` in codelicious.toml".to_owned(),
        }];
    }
    let one = |found| Finding {
        what: "checks",
        verdict: Verdict::Ok,
        found,
        remedy: String::new(),
    };
    found.into_iter().map(one).collect()
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

fn sandbox() -> Finding {
    Finding {
        what: "sandbox",
        verdict: Verdict::Note,
        found: "unsandboxed: this version has no wall around engines and checks".to_owned(),
        remedy: "run it in a container or a virtual machine when the specs or the repository are not your own".to_owned(),
    }
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
            out.push_str(&format!("{:<20}-> {}\n", "", finding.remedy));
        }
    }
    out
}
