//! `sandbox`: what a command gets, and one command inside the wall.

use super::error::AppError;
use super::stoppable::stoppable;
use super::walls;
use super::world::{SystemClock, SystemRng, World, new_run_id, random_word};
use crate::config::{Environment, Format, SandboxRequest};
use crate::fsx::{Temporary, read_bounded, root};
use crate::model::policy::{Access, FileGroup, Preset, SandboxPolicy};
use crate::proc::{self, Command, Limits, Stream};
use crate::sandbox::{Sandbox, Subject, caches, suspect};
use crate::ui;
use crate::ui::walls::Shown;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};

/// What lanes' private folders of this verb are called, in the user's cache.
const KIND: &str = "sandbox-";

/// Largest list of submodules that is read, and how deep they may lie in each other.
const MAX_MODULES: u64 = 1 << 20;
const MAX_DEPTH: usize = 8;

/// Explains or runs. The command's own exit code comes back where one was run.
pub fn run(request: &SandboxRequest, env: &Environment) -> Result<Option<u8>, AppError> {
    let world = World::open(Path::new("."), request.flags.clone(), env)?;
    let preset = request.preset.unwrap_or(Preset::Verify);
    let command = match request.command.as_slice() {
        [line] => line.clone(),
        words => {
            let words: Vec<String> = words.iter().map(|word| ui::shell_quote(word)).collect();
            words.join(" ")
        }
    };
    let vars = env.children(&world.settings);
    let lane = env.cwd().canonicalize()?;
    check(&world, env, &lane)?;
    let subject = Subject {
        preset,
        lane: &lane,
        command: &command,
        env: &vars,
    };
    match request.runs {
        true => run_inside(request, env, &world, &subject).map(Some),
        false => explain(request, env, &world, &subject).map(|()| None),
    }
}

/// Refuses folders in which a wall would hold nothing: what one works in can be written to.
fn check(world: &World, env: &Environment, lane: &Path) -> Result<(), AppError> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let remedy = "go to a folder of your working tree";
    if env.home().is_some_and(|home| real(&home).starts_with(lane)) {
        let what = format!("{} holds your home, with your keys", lane.display());
        return Err(AppError::setup(what, remedy));
    }
    if lane.starts_with(real(&world.info.common_dir)) || lane.starts_with(real(&world.dir())) {
        let what = format!("{} is not for commands to write to", lane.display());
        return Err(AppError::setup(what, remedy));
    }
    // What a link leads to can be kept as it is, and the link itself be replaced by a folder with settings of git.
    let git = lane.join(".git");
    if git.is_symlink() && !world.settings.walls.off {
        let what = format!(
            "{} is a symbolic link, which a command could replace",
            git.display()
        );
        let remedy =
            "write a file with the line `gitdir: <path>` in its place, as git does for worktrees";
        return Err(AppError::setup(what, remedy));
    }
    Ok(())
}

/// Our folder, as it is called where no step of its path is a link.
fn ours(world: &World) -> PathBuf {
    let root = &world.info.root;
    let real = root.canonicalize().unwrap_or_else(|_| root.clone());
    real.join(root::DIR_NAME)
}

/// What in the folder stays as it is: git's folder of it and ours, where they lie there.
fn kept(world: &World, lane: &Path) -> Vec<PathBuf> {
    let mut theirs = vec![lane.join(".git"), world.info.common_dir.clone()];
    for top in [lane, &world.info.root] {
        theirs.extend(of_submodules(top));
    }
    let theirs = theirs.iter().filter_map(|path| path.canonicalize().ok());
    let mut found: Vec<PathBuf> = Vec::new();
    // Ours may not be there yet: before a command runs it is made.
    for path in theirs.chain([ours(world)]) {
        if path.starts_with(lane) && path != lane && !found.contains(&path) {
            found.push(path);
        }
    }
    found
}

/// What leads to the git folders of submodules, which git goes through where a person asks it for the state of the whole:
/// the folder as a whole where there is none yet.
fn of_submodules(top: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![(top.to_path_buf(), 0)];
    while let Some((top, depth)) = open.pop() {
        let text = read_bounded(&top.join(".gitmodules"), MAX_MODULES).unwrap_or_default();
        for line in String::from_utf8_lossy(&text).lines() {
            let path = match line.split_once('=') {
                Some((name, path)) if name.trim() == "path" => path.trim().trim_matches('"'),
                _ => continue,
            };
            let is_step = |part: Component<'_>| matches!(part, Component::Normal(_));
            if path.is_empty() || !Path::new(path).components().all(is_step) {
                continue;
            }
            let module = top.join(path);
            // Neither absent nor behind a link, which might lead back here.
            let real = top.canonicalize().map(|top| top.join(path)).ok();
            if real.is_none() || module.canonicalize().ok() != real {
                continue;
            }
            let git = module.join(".git");
            found.push(match git.exists() && !git.is_symlink() {
                true => git,
                false => module.clone(),
            });
            if depth < MAX_DEPTH {
                open.push((module, depth + 1));
            }
        }
    }
    found
}

fn explain(
    request: &SandboxRequest,
    env: &Environment,
    world: &World,
    subject: &Subject<'_>,
) -> Result<(), AppError> {
    let sandbox = walls::sandbox(world, env, &[subject.preset])?;
    let mut explained = sandbox.explain(subject);
    if let Some(explained) = &mut explained {
        explained.wall.files.kept = kept(world, subject.lane);
        let paths = explained.wall.files.kept.clone();
        if !paths.is_empty() {
            explained.files.push(FileGroup {
                access: Access::Read,
                why: "in this folder, and kept as it is",
                paths,
            });
        }
    }
    let shown = explained.as_ref().map(|explained| Shown {
        explained,
        exists: &|path: &Path| path.exists(),
        names: subject.env.iter().map(|(name, _)| name.as_str()).collect(),
    });
    let text = match request.output.format {
        Format::Json => ui::json_text(&ui::walls::json(subject.command, shown.as_ref())),
        Format::Human => ui::walls::render(subject.command, shown.as_ref()),
    };
    world.print(env, &text);
    Ok(())
}

fn run_inside(
    request: &SandboxRequest,
    env: &Environment,
    world: &World,
    subject: &Subject<'_>,
) -> Result<u8, AppError> {
    let sandbox = walls::sandbox(world, env, &[subject.preset])?;
    // The private folder lies beside the lane, and beside the user's own folder nothing of ours belongs.
    let above = env.cache_dir().ok_or_else(|| {
        AppError::setup(
            "there is no cache folder: neither HOME nor XDG_CACHE_HOME is set",
            "set HOME",
        )
    })?;
    let kept = kept(world, subject.lane);
    if !sandbox.is_off() && kept.contains(&ours(world)) {
        // What is not there cannot be kept as it is, and a later run would take what a command put there for ours.
        root::ensure_layout(&ours(world))?;
    }
    let name = new_run_id(&SystemClock, &SystemRng);
    let place = Temporary::new(&above.join("codelicious"), KIND, name.as_str())?;
    let stand_in = place.path().join("lane");
    caches::prepare(&sandbox, &stand_in)?;
    let stands_in = Subject {
        lane: &stand_in,
        ..*subject
    };
    caches::make_for(&sandbox, &stands_in)?;
    let policy = policy(&sandbox, &stands_in, subject.lane, kept);
    let command = match request.command.as_slice() {
        [line] => Command::shell(line, subject.lane, policy),
        words => {
            let (program, args) = words
                .split_first()
                .ok_or_else(|| AppError::setup("there is no command", "write it behind --"))?;
            Command::new(program.as_str(), subject.lane, policy).args(args)
        }
    };
    let command = command.env(subject.env.iter().cloned());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // What leaves its session comes back to us where there is no control group to find it by.
    proc::adopt_orphans(random_word(&SystemRng));
    let mut say = |stream: Stream, line: &[u8]| {
        let line = [line, b"\n"].concat();
        // A closed stream leaves nobody to tell.
        let _ = match stream {
            Stream::Out => std::io::stdout().lock().write_all(&line),
            Stream::Err => std::io::stderr().lock().write_all(&line),
        };
        ControlFlow::Continue(())
    };
    let running = async |stop| proc::run(&command, Limits::default(), stop, &mut say).await;
    let (done, signal) = runtime.block_on(stoppable(running))?;
    proc::end_leftovers();
    if let Some(signal) = signal {
        return Ok(signal.code());
    }
    let done = done.map_err(|e| {
        let remedy = match e.is_not_found() {
            true => "is it installed, and in PATH?",
            false => "`codelicious doctor` tells what this machine can do",
        };
        AppError::setup(e.to_string(), remedy)
    })?;
    if !done.success() {
        let said = format!("{}\n{}", done.stdout.text(), done.stderr.text());
        let refused = done.refused.iter().map(|host| format!("sandbox: {host}"));
        let hint = suspect::hint(&command.policy, subject.command, done.code, &said);
        let hint = hint.map(|hint| format!("sandbox: {hint}"));
        for line in refused.chain(hint) {
            let _ = writeln!(std::io::stderr().lock(), "{}", ui::clean(&line));
        }
    }
    Ok(u8::try_from(done.code).unwrap_or(u8::MAX))
}

/// The wall of a lane that has its private folder elsewhere.
fn policy(
    sandbox: &Sandbox,
    stands_in: &Subject<'_>,
    lane: &Path,
    kept: Vec<PathBuf>,
) -> SandboxPolicy {
    match sandbox.policy(stands_in) {
        SandboxPolicy::Walled(wall) => {
            let mut wall = (*wall).clone();
            let lane = lane.to_path_buf();
            for paths in [&mut wall.files.execute, &mut wall.files.write] {
                paths.push(lane.clone());
            }
            wall.files.kept = kept;
            SandboxPolicy::Walled(wall.into())
        }
        other @ (SandboxPolicy::Trusted | SandboxPolicy::Unsandboxed) => other,
    }
}
