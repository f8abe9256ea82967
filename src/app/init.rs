//! `init`: a commented `codelicious.toml` and a first spec.

use super::checks;
use super::error::AppError;
use super::world::{World, print};
use crate::config::{self, Environment, Flags, InitRequest};
use crate::fsx::atomic;
use crate::git::RepoInfo;
use crate::model::ExitCode;

const FIRST_SPEC: &str = "\
# First spec

Each box is one task: one assignment for the engine, one commit. Tasks of a
section are independent of each other; sections are built in order. What stands
below a box belongs to it.

## Start

- [ ] Describe here what to build, in a sentence or two
  - name files, such as `src/lib.rs`, where you know them
  - say how one sees that it works
";

/// What is found here as comments: nothing has to be written down for it to run, and whoever wants to leave one
/// out, or to run it in another way, sees its name.
fn found_checks(request: &InitRequest, env: &Environment) -> String {
    let looked = World::open(&request.path, Flags::default(), env).and_then(|world| {
        let repo = world.repo(env)?;
        checks::known(&world.settings, env, &world.info.root, &repo, false)
    });
    // A repository that cannot be looked through gets its file all the same; `doctor` says what is wrong.
    let found = looked.unwrap_or_default();
    if found.is_empty() {
        return String::new();
    }
    let mut text = "\n# Checks that were found when this file was written; `codelicious doctor` looks anew. Each runs\n\
         # without being named here. `disable` leaves one out; a command with its name and folder replaces it.\n"
        .to_owned();
    for check in found {
        text.push_str(&format!("#   {}: {}\n", check.name, check.shown()));
    }
    text
}

pub fn run(request: &InitRequest, env: &Environment) -> Result<ExitCode, AppError> {
    let info = RepoInfo::discover(&env.cwd().join(&request.path))?;
    let files = [
        (
            info.root.join(config::REPO_FILE),
            format!("{}{}", config::template(), found_checks(request, env)),
        ),
        (info.root.join("specs/first.md"), FIRST_SPEC.to_owned()),
    ];
    let mut said = String::new();
    for (path, text) in files {
        let shown = path
            .strip_prefix(&info.root)
            .unwrap_or(&path)
            .display()
            .to_string();
        if path.symlink_metadata().is_ok() {
            said.push_str(&format!("{shown} is there already and stays as it is\n"));
            continue;
        }
        if let Some(parent) = path.parent() {
            atomic::create_dir_all_durable(parent)?;
        }
        atomic::write(&path, text.as_bytes())?;
        said.push_str(&format!("wrote {shown}\n"));
    }
    said.push_str("next: edit specs/first.md, then look at the plan with `codelicious plan`\n");
    print(&said);
    Ok(ExitCode::Done)
}
