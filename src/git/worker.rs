//! The thread that blocking git work runs on, so that the runtime's thread never waits for a disk.

use super::command::CommandSettings;
use super::error::GitError;
use super::repo::Repo;
use crate::core::uncounted::Uncounted;
use std::path::PathBuf;
use std::sync::mpsc;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce(&mut Repo) + Send>;

/// Handle to the git thread. Jobs run one after the other, in order.
pub struct Worker {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Worker {
    /// Opens the repository at `root` on a thread of its own. `command` says how the git command is started
    /// there, `uncounted` which files' lines are not counted.
    ///
    /// # Errors
    /// When it cannot be opened or the thread cannot be started.
    pub fn start(
        root: PathBuf,
        command: CommandSettings,
        uncounted: Uncounted,
    ) -> Result<Self, GitError> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (opened, is_open) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("git".to_owned())
            .spawn(move || match Repo::open(&root) {
                Ok(mut repo) => {
                    repo.set_command(command);
                    repo.set_uncounted(uncounted);
                    let _ = opened.send(Ok(()));
                    while let Ok(job) = inbox.recv() {
                        job(&mut repo);
                    }
                }
                Err(e) => {
                    let _ = opened.send(Err(e));
                }
            })
            .map_err(|e| GitError::new("starting the git thread", e.to_string(), ""))?;
        is_open.recv().unwrap_or_else(|_| {
            Err(GitError::new(
                "starting the git thread",
                "it ended at once",
                "",
            ))
        })?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Runs `job` on the git thread and waits for its answer without blocking the runtime.
    ///
    /// # Errors
    /// The job's own, or that the thread is gone (it panicked: a bug).
    pub async fn call<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Repo) -> Result<T, GitError> + Send + 'static,
    ) -> Result<T, GitError> {
        let gone = || {
            GitError::new(
                "git",
                "the git thread is gone",
                "this is a bug in codelicious",
            )
        };
        let (answer, result) = oneshot::channel();
        let job: Job = Box::new(move |repo| {
            let _ = answer.send(job(repo));
        });
        self.jobs
            .as_ref()
            .ok_or_else(gone)?
            .send(job)
            .map_err(|_| gone())?;
        result.await.map_err(|_| gone())?
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic on the thread was already reported to whoever waited for its answer.
            let _ = thread.join();
        }
    }
}
