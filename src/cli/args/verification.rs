//! The words about how a chunk is proven.

use super::values::percent;
use clap::Args;

#[derive(Debug, Args)]
#[command(next_help_heading = "Verification")]
pub(super) struct VerificationArgs {
    /// Fix turns per attempt, 0 to 10 [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10))]
    pub(super) max_fix_attempts: Option<u32>,
    /// The least that the tests must run of all lines, 0 to 100
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(super) min_coverage: Option<f64>,
    /// Build although a check cannot start; the work is then unverified
    #[arg(long)]
    pub(super) allow_unverified: bool,
    /// Commit only work that a test proves: red or absent without the change, green with it
    #[arg(long)]
    pub(super) require_proof: bool,
}
