//! The words of `evidence`.

use super::one_word;
use super::output::{LessArgs, MoreArgs};
use crate::config::{AuditRequest, EvidenceRequest, Request};
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// How `evidence` is typed.
pub(super) const USAGE: &str = "codelicious evidence [OPTIONS] [REV] [PATH]\n       \
     codelicious evidence verify [OPTIONS] <BRANCH> [PATH]";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct EvidenceArgs {
    #[command(subcommand)]
    verify: Option<EvidenceVerb>,
    /// A commit, a branch or <spec>:<chunk> [default: the newest chunk's commit]
    #[arg(value_name = "REV", value_parser = one_word)]
    rev: Option<String>,
    /// A folder in the repository [default: .]
    #[arg(value_name = "PATH", default_value = ".", hide_default_value = true, value_hint = ValueHint::DirPath)]
    path: PathBuf,
    #[command(flatten)]
    output: MoreArgs,
}

#[derive(Debug, Subcommand)]
enum EvidenceVerb {
    /// Hold a branch's commits against their marks and their evidence
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
struct VerifyArgs {
    #[arg(value_name = "BRANCH", value_parser = one_word)]
    branch: String,
    /// A folder in the repository [default: .]
    #[arg(value_name = "PATH", default_value = ".", hide_default_value = true, value_hint = ValueHint::DirPath)]
    path: PathBuf,
    /// What the branch is to be merged into [default: as for a run]
    #[arg(long, value_name = "REF", value_parser = one_word)]
    base: Option<String>,
    /// Run all checks once more, at the tip and at the merge base
    #[arg(long)]
    rerun: bool,
    /// Refuse boxes that people ticked
    #[arg(long)]
    strict: bool,
    /// Refuse chunks whose commits have no evidence here
    #[arg(long)]
    require_notes: bool,
    #[command(flatten)]
    output: LessArgs,
}

impl EvidenceArgs {
    pub(super) fn request(self) -> Request {
        match self.verify {
            Some(EvidenceVerb::Verify(args)) => Request::Audit(AuditRequest {
                path: args.path,
                branch: args.branch,
                base: args.base,
                rerun: args.rerun,
                strict: args.strict,
                require_notes: args.require_notes,
                output: args.output.output(),
            }),
            None => Request::Evidence(EvidenceRequest {
                path: self.path,
                rev: self.rev,
                output: self.output.output(),
            }),
        }
    }
}
