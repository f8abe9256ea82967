//! Reading runs from what they printed; see `engines::fuzz`.

use super::fold::{End, Fold, Spent};
use super::{CommandConfig, presets};
use crate::engines::fuzz::{Printed, Run, Still};
use crate::proc::Ended;
use std::time::Duration;

/// A run of every preset, by the preset's name.
pub fn runs(printed: Printed<'_>) -> Vec<(&'static str, Run)> {
    let configs = presets::NAMES
        .iter()
        .filter_map(|name| Some((*name, CommandConfig::preset(name)?)));
    let runs = configs.map(|(name, config)| {
        let (allowance, before) = (Default::default(), Spent::default());
        let mut fold = Fold::new(&config, &Still, "/lane", allowance, before);
        let mut end = End {
            ended: printed.ended,
            code: printed.code,
            stderr: printed.stderr.to_owned(),
            timeout: Duration::from_secs(600),
            stall: Duration::from_secs(60),
        };
        let mut steps = Vec::new();
        for line in printed.stdout.split(|b| *b == b'\n') {
            let update = fold.line(line);
            steps.extend(update.step);
            if update.stop {
                (end.ended, end.code) = (Ended::ByCaller, 143);
                break;
            }
        }
        let foreign = fold.foreign_lines();
        let report = fold.finish(&end, None, None);
        (
            name,
            Run {
                steps,
                foreign,
                report,
            },
        )
    });
    runs.collect()
}
