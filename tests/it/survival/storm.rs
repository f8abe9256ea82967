//! Killed at random moments, again and again, until the work is done all the same.
//!
//! `STORM_KILLS` says how many kills there are to be in all, `STORM_SEED` from which number the moments are drawn;
//! a failure names both.

use super::outcome::{builds, check_clean, outcome};
use super::{BUILD, KILLED, Straight, first_difference, for_all, stories};
use crate::support::{Ended, finish};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Kills of the test that always runs.
const FEW: usize = 24;
/// Most kills of one repository, so that many are brought to their end.
const MOST: usize = 40;

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number")),
    )
}

/// Kills runs in one repository until it is built; returns how often.
fn weather(straight: &Straight, rng: &mut StdRng, longest: Duration, kills: &AtomicUsize) -> usize {
    let repo = straight.story.repo.copy();
    let users = repo.users_things();
    let mut killed = 0;
    let ended = loop {
        let moment = longest.mul_f64(rng.random_range(0.0..1.1));
        let run = repo.start(BUILD);
        match struck_after(run, moment, killed < MOST) {
            None => killed += 1,
            Some(ended) => break ended,
        }
        kills.fetch_add(1, Ordering::Relaxed);
        assert_eq!(
            repo.users_things(),
            users,
            "the user's things after kill {killed}"
        );
    };
    let ended = ended.expect(0);
    check_clean(&repo);
    let now = outcome(&repo, None);
    assert!(
        now == straight.outcome,
        "it came to another end after {killed} kills:\n{}\n--- stderr\n{}",
        first_difference(&straight.outcome, &now),
        ended.stderr
    );
    let paid = builds(&repo);
    assert!(
        paid <= straight.builds + killed,
        "{paid} builds, {killed} kills: {:?}",
        repo.asked_for()
    );
    killed
}

/// Kills a run at a moment, unless it ends before that by itself.
fn struck_after(mut run: std::process::Child, moment: Duration, may: bool) -> Option<Ended> {
    let start = Instant::now();
    while may && start.elapsed() < moment {
        if run.try_wait().expect("it can be told").is_some() {
            return Some(finish(run));
        }
        std::thread::park_timeout(Duration::from_micros(500));
    }
    if may {
        run.kill().expect("killed");
    }
    let ended = finish(run);
    (ended.code != KILLED).then_some(ended)
}

#[test]
fn a_storm_of_kills_loses_nothing_and_does_nothing_twice() {
    let wanted = number("STORM_KILLS").unwrap_or(FEW);
    let seed: u64 = number("STORM_SEED").unwrap_or_else(rand::random);
    let straight = Straight::new(stories::six_chunks());
    // The fastest of some, so that most kills fall into a run.
    let times = (0..3).map(|_| {
        let repo = straight.story.repo.copy();
        let start = Instant::now();
        repo.run(BUILD).expect(0);
        start.elapsed()
    });
    let longest = times.min().expect("there are some");
    let (kills, built) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let seeds: Vec<u64> = (0..wanted as u64).map(|n| seed.wrapping_add(n)).collect();
    let done = std::panic::catch_unwind(|| {
        for_all(&seeds, |seed| {
            if kills.load(Ordering::Relaxed) < wanted {
                let mut rng = StdRng::seed_from_u64(*seed);
                weather(&straight, &mut rng, longest, &kills);
                built.fetch_add(1, Ordering::Relaxed);
            }
        });
    });
    eprintln!(
        "STORM_SEED={seed} STORM_KILLS={wanted}: {} kills, {} repositories built to the end",
        kills.load(Ordering::Relaxed),
        built.load(Ordering::Relaxed)
    );
    assert!(
        kills.load(Ordering::Relaxed) >= wanted,
        "too few were killed"
    );
    if let Err(violation) = done {
        std::panic::resume_unwind(violation);
    }
}
