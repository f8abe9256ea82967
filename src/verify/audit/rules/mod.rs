//! The rules, each a function from a diff to findings.

mod added;
mod answers;
mod collecting;
mod configuration;
mod coverage;
mod expected;
mod files;
mod found;
mod looser;
mod lost;
mod protected;
mod skipped;
mod stubs;
mod weakened;

use super::diff::Diff;
use crate::model::Finding;

const RULES: &[fn(&Diff<'_>) -> Vec<Finding>] = &[
    lost::run,
    skipped::run,
    weakened::run,
    found::run,
    added::run,
    answers::run,
    coverage::run,
    configuration::run,
    files::run,
    protected::run,
    stubs::run,
];

pub(super) fn run(diff: &Diff<'_>) -> Vec<Finding> {
    RULES.iter().flat_map(|rule| rule(diff)).collect()
}
