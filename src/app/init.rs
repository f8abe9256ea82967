//! `init`: a commented `codelicious.toml` and a first spec.

use super::error::AppError;
use super::world::print;
use crate::config::{self, Environment, InitRequest};
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

pub fn run(request: &InitRequest, env: &Environment) -> Result<ExitCode, AppError> {
    let info = RepoInfo::discover(&env.cwd().join(&request.path))?;
    let files = [
        (info.root.join(config::REPO_FILE), config::template()),
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
