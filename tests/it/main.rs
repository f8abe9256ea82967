//! Tests at the boundary: the built program, real git, real little programs as engines.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests start programs and read the environment themselves, and a panic is how they fail"
)]

// The contract of forges is the library's own and names its rooms.
use codelicious::{model, ports};

mod action;
mod agents;
mod architecture;
mod audit;
mod bad_input;
mod chains;
mod chat_engines;
mod cheats;
mod checkouts;
mod choosing;
mod coverage;
mod encryption;
mod engines;
mod evidence;
mod fake_forge;
mod file_names;
mod flags;
mod flows;
#[path = "../../src/forge/contract.rs"]
mod forge_contract;
mod forges;
mod formats;
mod fuzz_seeds;
mod gateway;
mod gc;
mod git_cases;
mod github_traffic;
mod hooks;
mod hostile;
mod issues;
mod kept;
mod laws;
mod lint;
mod locking;
mod main_job;
mod model_server;
mod moves;
mod places;
mod planning;
mod private_homes;
mod providers;
mod pull_requests;
mod pulls;
mod real_claude;
mod reconcile;
#[cfg(target_os = "linux")]
mod redteam;
mod redteam_runs;
mod remotes;
mod resume;
mod review;
#[cfg(target_os = "linux")]
mod sandbox;
#[cfg(target_os = "linux")]
mod sandboxed_builds;
mod seatbelt;
mod secrets;
mod shapes;
mod spec_places;
mod stopping;
mod support;
mod survival;
mod ticks;
mod users_files;
mod verdicts;
mod verification;
mod yaml;
