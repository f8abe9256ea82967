//! The decisions: pure functions over the model. No IO, no clock, no randomness.

pub mod absorb;
pub mod ai_policy;
pub mod budget;
mod closes;
pub mod commit_message;
pub mod cycle;
pub mod decide;
pub mod ending;
mod engine_run;
pub mod evidence;
pub mod evidence_audit;
pub mod first;
mod fixing;
pub mod forge_facts;
pub mod gc;
pub mod graph;
pub mod issue_spec;
pub mod judge;
pub mod lane;
pub mod lint;
pub mod moves;
pub mod parts;
pub mod plan;
pub mod planner;
pub mod pr;
pub mod preflight;
pub mod progress;
pub mod prompt;
pub mod recover;
pub mod redact;
pub mod remote_address;
pub mod rename;
pub mod restack;
pub mod retry;
pub mod review;
pub mod roster;
pub mod session;
pub mod split;
pub mod standing;
pub mod suite;
pub mod template;
pub mod tokens;
pub mod transition;
pub mod uncounted;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod testkit;
