//! Flags of which this version makes nothing.

use clap::Args;

// Flags that have no effect in this version. Parsed, so that they are refused by name and not swallowed, nor
// taken for a slip of another flag; kept out of `Cli`, because completions offer hidden flags too. No doc
// comment, because clap would make it the program's description.
#[derive(Debug, Args)]
pub(super) struct LaterArgs {
    #[arg(long, hide = true, num_args = 0..=1)]
    parallel: Option<Option<String>>,
}

impl LaterArgs {
    /// The first such flag that was given, and why it has no effect.
    pub(super) fn refused(&self) -> Option<(&'static str, &'static str)> {
        let given = [(
            self.parallel.is_some(),
            "--parallel",
            "chunks are built one after another",
        )];
        given
            .into_iter()
            .find(|(given, ..)| *given)
            .map(|(_, flag, why)| (flag, why))
    }
}
