//! Who is asked to plan which specs. Only a run asks; everything else shows what is kept.

use super::survey::{Survey, Surveyed};
use crate::config::{PlanSettings, PlanStrategy};
use crate::core::planner::Windows;
use crate::model::{PlanWarning, SpecPlan};

/// How a long spec is shown to a model.
pub fn windows(settings: &PlanSettings) -> Windows {
    Windows {
        size_tokens: *settings.window_tokens,
        overlap_tokens: *settings.overlap_tokens,
        max: usize::try_from(*settings.max_windows).unwrap_or(usize::MAX),
    }
}

/// Which plans are made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anew {
    /// Those of texts that changed since.
    Changed,
    /// All of them: what is remembered does not count.
    All,
}

/// True for a spec that a run has a model plan first: a prose spec that may be built, where something is open and
/// no plan of this very text is kept.
pub fn is_wanted(spec: &Surveyed, plan: &SpecPlan, strategy: PlanStrategy, anew: Anew) -> bool {
    let Some(planning) = &spec.planning else {
        return false;
    };
    let asks = match strategy {
        PlanStrategy::Auto | PlanStrategy::Llm => true,
        PlanStrategy::Tasks => false,
    };
    let is_open = plan.not_built.is_none() && plan.chunks.iter().any(|c| !c.done);
    asks && is_open && (anew == Anew::All || !planning.is_current())
}

/// What whoever looks at a plan should know of a run that will ask first.
pub fn notes(found: &Survey, strategy: PlanStrategy, can_ask: bool) -> Vec<PlanWarning> {
    let wanted = found.plan.specs.iter().filter_map(|plan| {
        let spec = found.specs.get(&plan.id)?;
        is_wanted(spec, plan, strategy, Anew::Changed).then_some((spec, plan))
    });
    wanted
        .filter_map(|(spec, plan)| {
            let is_planned = spec.planning.as_ref().is_some_and(|p| p.kept.is_some());
            let message = match (can_ask, is_planned, strategy) {
                (true, true, _) => format!(
                    "{} changed since it was planned: a run has a model plan it again; what changed is shown by sections",
                    spec.path
                ),
                (true, false, _) => format!(
                    "{} has no tasks: a run has a model plan it first; it is shown by sections",
                    spec.path
                ),
                (false, _, PlanStrategy::Llm) => nobody(&spec.path),
                (false, _, PlanStrategy::Auto | PlanStrategy::Tasks) => return None,
            };
            Some(PlanWarning {
                spec: Some(plan.id.clone()),
                chunk: None,
                rule: None,
                line: 0,
                message,
            })
        })
        .collect()
}

/// Says that a spec that was to be planned is not.
pub fn nobody(path: &str) -> String {
    format!("{path}: no engine here can plan (--chunk-strategy llm); it is built by sections")
}
