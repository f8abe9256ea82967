//! Having a model plan prose specs, before any lane is built.
//!
//! This is no effect of a lane: it changes nothing but a ref that holds the plan, and a run that is killed before
//! that ref stands asks again.

use super::Session;
use crate::app::error::AppError;
use crate::app::planning::{Anew, is_wanted, nobody, windows};
use crate::app::reports::{caps, retry};
use crate::app::survey::{Planning, Survey, Surveyed};
use crate::config::PlanStrategy;
use crate::core::budget::{Charge, left_of_run, of_planning};
use crate::core::planner::{Subject, kept};
use crate::core::redact::Redactor;
use crate::crash::{self, Point};
use crate::driver::Control;
use crate::engines::agent::{AskBounds, PlanningError, ask_plan};
use crate::model::{ChunkPlan, EventKind, PlanningSpent, Spec, SpecId};
use crate::ports::{ChatModel, StopSignal};
use std::rc::Rc;

/// What became of asking for one plan.
pub(super) struct Planned {
    /// The plan, and how many chunks of an earlier one it took over because they have landed.
    pub plan: Result<(ChunkPlan, usize), PlanningError>,
    pub spent: PlanningSpent,
}

/// Has `model` plan one spec; None where there is no model. Honours `control`: a stop ends the asking.
pub(super) async fn planned_by_model(
    model: Option<&Rc<dyn ChatModel>>,
    spec: &Surveyed,
    planning: &Planning,
    redactor: &Redactor,
    bounds: AskBounds,
    control: (&mut Control, StopSignal),
) -> Option<Planned> {
    let model = model?;
    let (control, stop) = control;
    // What a model is shown goes to whoever runs it.
    let text = String::from_utf8_lossy(&spec.text);
    let text = redactor.redact(&text);
    let mut sections: Spec = planning.sections.clone();
    redactor.redact_sections(&mut sections);
    let subject = Subject {
        spec: &sections,
        text: &text,
        hash: &planning.hash,
        before: planning.kept.as_ref(),
    };
    let asking = ask_plan(model.as_ref(), subject, bounds, stop);
    tokio::pin!(asking);
    let asked = loop {
        tokio::select! {
            biased;
            asked = &mut asking => break asked,
            _ = control.next() => {}
        }
    };
    let plan = asked.planned.map(|draft| {
        let mut plan = subject.plan(model.model(), draft);
        redactor.redact_chunk_plan(&mut plan);
        let earlier = planning.kept.iter().flat_map(|k| &k.chunks);
        let landed = earlier.filter(|e| plan.chunks.contains(e)).count();
        (plan, landed)
    });
    Some(Planned {
        plan,
        spent: asked.spent,
    })
}

impl Session<'_> {
    /// Has specs planned that want it; true when there are plans that the survey did not know.
    pub(super) async fn plan_by_model(&mut self, found: &Survey) -> Result<bool, AppError> {
        let strategy = *self.world.settings.plan.strategy;
        let anew = match self.restart.forget_failures {
            true => Anew::All,
            false => Anew::Changed,
        };
        let mut is_new = false;
        for plan in &found.plan.specs {
            let Some((spec, planning)) = found
                .specs
                .get(&plan.id)
                .and_then(|s| Some((s, s.planning.as_ref()?)))
            else {
                continue;
            };
            if planning.adopts {
                let (id, refs) = (plan.id.clone(), planning.refs.clone());
                let adopt = move |repo: &mut crate::git::Repo| repo.adopt_plan(&id, &refs);
                self.shells.git.call(adopt).await?;
            }
            if !is_wanted(spec, plan, strategy, anew) || self.stop().is_some() {
                continue;
            }
            let now = self.shells.clock.now();
            let may_ask = |(engine, _): &(String, _)| {
                self.roster.as_ref().is_none_or(|r| r.may_ask(engine, now))
            };
            if self.planner.as_ref().is_some_and(|p| !may_ask(p)) {
                let message = format!(
                    "{}: the engine that plans is limited; it is built by its sections until a model can be asked",
                    spec.path
                );
                self.tell_of(&plan.id, EventKind::Warning { message });
                continue;
            }
            if self.planner.is_none() {
                if strategy == PlanStrategy::Llm {
                    let message = nobody(&spec.path);
                    self.tell_of(&plan.id, EventKind::Warning { message });
                }
                continue;
            }
            // One text is asked about once a run, whatever came of it.
            if self.asked.insert((plan.id.clone(), planning.hash.clone())) {
                is_new |= self.plan_one(&plan.id, spec, planning).await?;
            }
        }
        Ok(is_new)
    }

    async fn plan_one(
        &mut self,
        id: &SpecId,
        spec: &Surveyed,
        planning: &Planning,
    ) -> Result<bool, AppError> {
        let charged = self.charged.values().copied();
        let charged = charged.fold(self.planning_charged, Charge::plus);
        // Where nothing is left, no lane is built either, and that is said there.
        let Ok(allowance) = left_of_run(&caps(&self.world.settings), charged) else {
            return Ok(false);
        };
        let bounds = AskBounds {
            windows: windows(&self.world.settings.plan),
            timeout: self.shells.settings.agent_timeout,
            stall: self.shells.settings.stall_timeout,
            allowance,
        };
        let (engine, model) = self.planner.clone().unzip();
        let name = model.as_ref().map(|m| m.model().to_owned());
        let name = name.unwrap_or_default();
        let started = EventKind::PlanningStarted {
            path: spec.path.clone(),
            model: name.clone(),
        };
        self.tell_of(id, started);
        let shells = Rc::clone(&self.shells);
        let Some(control) = self.control.as_mut() else {
            return Ok(false);
        };
        let control = (control, shells.stop_engines.clone());
        let planned = planned_by_model(
            model.as_ref(),
            spec,
            planning,
            &shells.redactor,
            bounds,
            control,
        );
        let Some(Planned { plan, spent }) = planned.await else {
            return Ok(false);
        };
        self.planning_spent = self.planning_spent.plus(spent);
        let charge = of_planning(&spent, allowance);
        self.planning_charged = self.planning_charged.plus(charge);
        let (outcome, chunks, kept) = match &plan {
            Ok((plan, kept)) => ("planned".to_owned(), plan.chunks.len(), *kept),
            Err(why) => (why.to_string(), 0, 0),
        };
        let finished = EventKind::PlanningFinished {
            path: spec.path.clone(),
            model: name,
            outcome,
            chunks,
            kept,
            replanned: planning.kept.is_some(),
            usage: spent.usage,
            cost: spent.cost,
        };
        self.tell_of(id, finished);
        if let (Err(PlanningError::Engine(error)), Some(engine), Some(roster)) =
            (&plan, &engine, &mut self.roster)
        {
            let (policy, now) = (retry(&self.world.settings), self.shells.clock.now());
            // Who names a time is not asked to build before it either; who stumbled may be.
            if error.until().is_some() {
                roster.failed(engine, (u32::MAX, error), &policy, now, 0.5);
            }
        }
        let plan = match plan {
            Ok((plan, _)) => plan,
            Err(PlanningError::Stopped) => return Ok(false),
            Err(why) => {
                let message = fallback(spec, planning, &why);
                self.tell_of(id, EventKind::Warning { message });
                return Ok(false);
            }
        };
        // Once the new plan is kept, nobody comes upon the damaged one any more.
        for damaged in &planning.damaged {
            let message = damaged.message.clone();
            self.tell_of(id, EventKind::Warning { message });
        }
        crash::point(Point::PlanAnswered)?;
        let (id, refs, text) = (id.clone(), planning.refs.clone(), kept::encode(&plan));
        let message = crate::core::commit_message::plan_message(&id);
        self.shells
            .git
            .call(move |repo| repo.keep_plan(&id, &refs, kept::FILE, &text, &message))
            .await?;
        Ok(true)
    }

    fn tell_of(&self, id: &SpecId, kind: EventKind) {
        (self.recorder)(Some(id), None, kind);
    }
}

/// What is built when there is no plan.
fn fallback(spec: &Surveyed, planning: &Planning, why: &PlanningError) -> String {
    let path = &spec.path;
    let instead = match (planning.kept.is_some(), planning.is_current()) {
        (false, _) => "it is built by sections",
        (true, false) => {
            "the plan that is kept goes on, and what changed since is built by sections"
        }
        (true, true) => "the plan that is kept goes on",
    };
    format!("{path} could not be planned by a model: {why}; {instead}")
}
