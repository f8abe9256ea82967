//! Secrets that stand in specs.

use super::Redactor;
use crate::model::{ChunkPlan, Plan, Spec, SpecPlan};
use std::borrow::Cow;

impl Redactor {
    /// Takes secrets out of everything that a plan repeats of its specs. Prompts, ledgers, commit messages and
    /// pull requests are made of the plan; the specs themselves stay as people wrote them.
    pub fn redact_plan(&self, plan: &mut Plan) {
        for spec in &mut plan.specs {
            self.redact_spec(spec);
        }
        for warning in &mut plan.warnings {
            self.redact_in(&mut warning.message);
        }
        for diagnostic in &mut plan.diagnostics {
            self.redact_in(&mut diagnostic.message);
        }
    }

    /// The same for one spec's part of a plan.
    pub fn redact_spec(&self, spec: &mut SpecPlan) {
        self.redact_in(&mut spec.title);
        self.redact_in(&mut spec.outline);
        spec.not_built.iter_mut().for_each(|s| self.redact_in(s));
        for chunk in &mut spec.chunks {
            self.redact_in(&mut chunk.title);
            self.redact_in(&mut chunk.text);
            self.redact_in(&mut chunk.context);
            chunk.headings.iter_mut().for_each(|s| self.redact_in(s));
        }
    }

    /// The same for a spec whose headings a model is shown.
    pub fn redact_sections(&self, spec: &mut Spec) {
        self.redact_in(&mut spec.title);
        let headings = spec.sections.iter_mut().flat_map(|s| &mut s.headings);
        headings.for_each(|s| self.redact_in(s));
        spec.tasks
            .iter_mut()
            .for_each(|t| self.redact_in(&mut t.title));
    }

    /// The same for what a model planned, before it is kept.
    pub fn redact_chunk_plan(&self, plan: &mut ChunkPlan) {
        for chunk in &mut plan.chunks {
            let texts = [&mut chunk.title, &mut chunk.text];
            let lists = [&mut chunk.acceptance, &mut chunk.headings, &mut chunk.files];
            let all = texts.into_iter().chain(lists.into_iter().flatten());
            all.for_each(|s| self.redact_in(s));
        }
    }

    fn redact_in(&self, text: &mut String) {
        if let Cow::Owned(redacted) = self.redact(text) {
            *text = redacted;
        }
    }
}
