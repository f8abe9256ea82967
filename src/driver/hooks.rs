//! The repository's hooks around a commit and before a push, each behind the wall of checks.

use super::perform::Failure;
use super::prepare::lane_dir;
use super::shells::Shells;
use crate::core::lane::Lane;
use crate::git::{
    COMMIT_MESSAGE, GitError, GitPlace, HookPlace, LanePaths, POST_COMMIT, PRE_COMMIT, PRE_PUSH,
    PREPARE_MESSAGE, PushRequest, Staged, on_remote, push_url, without_credentials,
};
use crate::model::effect::{PushFailure, PushFailureKind};
use crate::model::policy::{Preset, SandboxPolicy, Wall};
use crate::model::{EventKind, Oid};
use crate::proc::{self, Finished};
use crate::sandbox::{Sandbox, Subject, suspect};
use std::path::Path;
use std::sync::Arc;

/// What hooks make of a commit that is to be.
pub(super) enum Before {
    Agreed {
        message: String,
    },
    /// They staged something else.
    Changed,
    /// With their words.
    Refused(String),
}

/// Runs what git runs before a commit: what is staged in the lane, on top of `tip`.
pub(super) async fn before_commit(
    shells: &Shells,
    lane: &Lane,
    paths: &LanePaths,
    tip: &Oid,
    message: &str,
) -> Result<Before, Failure> {
    let (private, here, head) = (private(&paths.dir, "commit"), paths.clone(), tip.clone());
    let place = shells
        .git
        .call(move |repo| repo.hook_place(&here.dir, &private, &head, Staged::Lane(&here)))
        .await?;
    let before = agree(shells, lane, (paths, &place), message).await;
    throw_away(shells, place).await?;
    before
}

async fn agree(
    shells: &Shells,
    lane: &Lane,
    (paths, place): (&LanePaths, &HookPlace),
    message: &str,
) -> Result<Before, Failure> {
    let hooks = shells.git.call(|repo| repo.hooks()).await?;
    let run = async |name: &str, args: &[&str]| -> Result<Option<String>, Failure> {
        if !hooks.has(name) {
            return Ok(None);
        }
        let env = &shells.settings.env;
        let policy = policy(shells, &paths.dir, name, place, true);
        let stop = shells.stop_engines.clone();
        let walls = policy.clone();
        let done = place.run(name, args, &[], (policy, env), stop).await?;
        put_right(shells, lane).await?;
        if done.ended == proc::Ended::Stopped {
            // Nobody declined anything.
            let what = format!("the hook {name} was stopped with the run");
            return Err(Failure::new(what, "run again"));
        }
        Ok((!done.success()).then(|| words(name, &done, &walls)))
    };
    if let Some(why) = run(PRE_COMMIT, &[]).await? {
        return Ok(Before::Refused(why));
    }
    if hooks.has(PRE_COMMIT) {
        let place = place.clone();
        if shells
            .git
            .call(move |repo| repo.is_restaged(&place))
            .await?
        {
            return Ok(Before::Changed);
        }
    }
    let file = place.write_message(message)?;
    let file = file.to_string_lossy();
    // The message is there before anybody is asked for one (githooks(5)).
    if let Some(why) = run(PREPARE_MESSAGE, &[&file, "message"]).await? {
        return Ok(Before::Refused(why));
    }
    if let Some(why) = run(COMMIT_MESSAGE, &[&file]).await? {
        return Ok(Before::Refused(why));
    }
    Ok(match place.read_message() {
        Ok(message) => Before::Agreed { message },
        Err(why) => Before::Refused(why),
    })
}

/// Runs what git runs after a commit, on which it has no say.
pub(super) async fn after_commit(
    shells: &Shells,
    lane: &Lane,
    commit: &Oid,
) -> Result<(), Failure> {
    if !shells.git.call(|repo| repo.hooks()).await?.has(POST_COMMIT) {
        return Ok(());
    }
    let (dir, head) = (lane_dir(shells, lane), commit.clone());
    let (private, here) = (private(&dir, "commit"), dir.clone());
    let place = shells
        .git
        .call(move |repo| repo.hook_place(&here, &private, &head, Staged::Commit))
        .await?;
    let policy = policy(shells, &dir, POST_COMMIT, &place, true);
    let stop = shells.stop_engines.clone();
    let env = &shells.settings.env;
    let done = place
        .run(POST_COMMIT, &[], &[], (policy.clone(), env), stop)
        .await?;
    if !done.success() {
        tracing::warn!(
            "the hook {POST_COMMIT}: {}",
            words(POST_COMMIT, &done, &policy)
        );
    }
    throw_away(shells, place).await?;
    put_right(shells, lane).await
}

/// Runs what git runs before a push. It may look at the lane and not write there: the next engine is at work in it.
pub(super) async fn before_push(
    shells: &Shells,
    lane: &Lane,
    place: &GitPlace,
    request: &PushRequest,
) -> Result<(), PushFailure> {
    let other = |message: String| PushFailure {
        kind: PushFailureKind::Other,
        message,
    };
    let hooks = shells.git.call(|repo| repo.hooks()).await;
    if !hooks.map_err(|e| other(e.to_string()))?.has(PRE_PUSH) {
        return Ok(());
    }
    let git_env = &shells.settings.git_env;
    let stop = || shells.stop_everything.clone();
    let there = on_remote(place, request, git_env, stop()).await?;
    let dir = lane_dir(shells, lane);
    let work_tree = match dir.is_dir() {
        true => dir.clone(),
        false => shells.root.clone(),
    };
    let (private, tip) = (private(&dir, "push"), request.tip.clone());
    let (here, remote, beside) = (
        work_tree.clone(),
        request.remote.clone(),
        request.beside.clone(),
    );
    let made = shells.git.call(move |repo| {
        let place = repo.hook_place(&here, &private, &tip, Staged::Commit)?;
        let mut ours = Vec::new();
        for name in beside {
            ours.extend(repo.ref_target(&name)?.map(|oid| (name, oid)));
        }
        Ok((place, push_url(repo, &remote).unwrap_or(remote), ours))
    });
    let (hook_place, url, ours) = made.await.map_err(|e| other(e.to_string()))?;
    let branch = format!("refs/heads/{}", request.branch);
    let mut input = String::new();
    let first = (request.tip.to_string(), branch, request.tip.clone());
    let others = ours.into_iter().map(|(n, oid)| (n.clone(), n, oid));
    for (from, to, oid) in std::iter::once(first).chain(others) {
        let was = there.iter().find(|(name, _)| *name == to);
        match was {
            Some((_, was)) if *was == oid => {}
            Some((_, was)) => input += &format!("{from} {oid} {to} {was}\n"),
            None => {
                let none = "0".repeat(oid.as_str().len());
                input += &format!("{from} {oid} {to} {none}\n");
            }
        }
    }
    let policy = policy(shells, &dir, PRE_PUSH, &hook_place, false);
    let mut env = shells.settings.env.clone();
    // What an engine left behind is ended while this runs.
    let spared = proc::Spared::begin();
    env.push(spared.variable());
    let url = without_credentials(&url);
    let args = [request.remote.as_str(), &url];
    let done = hook_place
        .run(
            PRE_PUSH,
            &args,
            input.as_bytes(),
            (policy.clone(), &env),
            stop(),
        )
        .await
        .map_err(|e| other(e.to_string()))?;
    drop(spared);
    let gone = throw_away(shells, hook_place).await;
    gone.map_err(|e| other(e.to_string()))?;
    if done.success() {
        return Ok(());
    }
    Err(PushFailure {
        kind: PushFailureKind::HookDeclined,
        message: format!(
            "the hook {PRE_PUSH} declined:\n{}",
            words(PRE_PUSH, &done, &policy)
        )
        .trim_end()
        .to_owned(),
    })
}

/// Ends what hooks left running and puts the lane's link to the repository back.
async fn put_right(shells: &Shells, lane: &Lane) -> Result<(), Failure> {
    proc::end_leftovers();
    if shells.git.call(|repo| repo.restore_link()).await? {
        let what = "put the lane's .git file back, which a hook of the repository had changed";
        let what = what.to_owned();
        shells.emit(
            &lane.ledger.spec,
            vec![(None, EventKind::Repaired { what })],
        );
    }
    Ok(())
}

/// Removes a hook's git folder, on the thread that makes them.
async fn throw_away(shells: &Shells, place: HookPlace) -> Result<(), GitError> {
    shells.git.call(move |_| place.remove()).await
}

/// A hook's git folder beside the lane. A push has its own: a commit may be made at the same time.
fn private(lane: &Path, what: &str) -> std::path::PathBuf {
    Sandbox::private_dir(lane).join(format!("git-{what}"))
}

/// The command line of a hook, as settings of the sandbox name it.
fn line(name: &str) -> String {
    format!("git hook run {name}")
}

/// The wall of checks, and what a hook needs beside.
fn policy(
    shells: &Shells,
    lane: &Path,
    name: &str,
    place: &HookPlace,
    may_write: bool,
) -> SandboxPolicy {
    let policy = shells.sandbox.policy(&Subject {
        preset: Preset::Verify,
        lane,
        command: &line(name),
        env: &shells.settings.env,
    });
    match policy {
        SandboxPolicy::Trusted | SandboxPolicy::Unsandboxed => policy,
        SandboxPolicy::Walled(wall) => {
            SandboxPolicy::Walled(Arc::new(widened(&wall, place, may_write)))
        }
    }
}

fn widened(wall: &Wall, place: &HookPlace, may_write: bool) -> Wall {
    let mut wall = wall.clone();
    let files = &mut wall.files;
    if !may_write {
        files.write.retain(|p| !place.work_tree.starts_with(p));
    }
    files.read.push(place.objects.clone());
    files.execute.push(place.folder.clone());
    files.execute.push(place.work_tree.clone());
    files.write.push(place.dir.clone());
    wall
}

/// What a hook that failed said, for people.
fn words(name: &str, done: &Finished, policy: &SandboxPolicy) -> String {
    let mut said = format!("{}{}", done.stdout.text(), done.stderr.text());
    if let Some(hint) = suspect::hint(policy, &line(name), done.own_code(), &said) {
        said = format!("{}\n{hint}", said.trim_end());
    }
    match done.ended {
        proc::Ended::Itself | proc::Ended::ByCaller => said,
        proc::Ended::TimedOut | proc::Ended::Stalled => {
            format!("{said}\nit took too long and was ended")
        }
        proc::Ended::DiskSpent => format!("{said}\n{}", proc::DISK_SPENT),
        proc::Ended::Stopped => format!("{said}\nit was stopped with the run"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy::{FileAccess, Network, ResourceLimits};
    use std::path::PathBuf;

    fn wall() -> Wall {
        Wall {
            preset: Preset::Verify,
            files: FileAccess {
                read: vec!["/etc".into()],
                execute: vec!["/usr".into()],
                write: vec!["/lanes/a".into(), "/lanes/a@box/home".into()],
                ..FileAccess::default()
            },
            network: Network::Loopback,
            unix_sockets: false,
            limits: ResourceLimits {
                memory: Some(1 << 30),
                ..ResourceLimits::default()
            },
            env: Vec::new(),
        }
    }

    #[test]
    fn the_wall_is_suspected_by_the_hooks_own_name_and_only_of_what_it_did() {
        let policy = SandboxPolicy::Walled(Arc::new(wall()));
        let said = |ended, code| {
            let done = Finished {
                ended,
                code,
                stdout: proc::Captured::default(),
                stderr: proc::Captured::default(),
                refused: Vec::new(),
            };
            words(PRE_PUSH, &done, &policy)
        };
        let killed = said(proc::Ended::Itself, 137);
        assert!(
            killed.contains("explain -- git hook run pre-push`"),
            "{killed}"
        );
        for ended in [proc::Ended::TimedOut, proc::Ended::DiskSpent] {
            let words = said(ended, 137);
            assert!(!words.contains("sandbox may be why"), "{words}");
        }
    }

    #[test]
    fn a_hook_gets_the_wall_of_checks_and_its_own_folder() {
        let wall = wall();
        let place = HookPlace::stand_in(
            "/repo/.git/hooks",
            "/lanes/a",
            "/lanes/a@box/git-commit",
            "/repo/.git/objects",
        );
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let files = widened(&wall, &place, true).files;
        assert_eq!(files.read, paths(&["/etc", "/repo/.git/objects"]));
        assert_eq!(
            files.execute,
            paths(&["/usr", "/repo/.git/hooks", "/lanes/a"])
        );
        assert_eq!(
            files.write,
            paths(&["/lanes/a", "/lanes/a@box/home", "/lanes/a@box/git-commit"])
        );
        let files = widened(&wall, &place, false).files;
        assert_eq!(
            files.write,
            paths(&["/lanes/a@box/home", "/lanes/a@box/git-commit"])
        );
    }
}
