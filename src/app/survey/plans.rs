//! The plan that a model made of a prose spec, as it is kept in git.

use super::SpecSurvey;
use crate::core::planner::kept::{self, KeptError};
use crate::git::{GitError, SpecRefs};
use crate::model::{ChunkId, ChunkPlan, Diagnostic, MarkSite, Oid, Rule, Severity, Spec};
use crate::spec;
use std::collections::BTreeSet;

/// Where a prose spec stands with plans.
#[derive(Clone, Debug)]
pub struct Planning {
    /// The spec as it is without a plan: its sections are its tasks.
    pub sections: Spec,
    /// Of its text without marks.
    pub hash: String,
    pub kept: Option<ChunkPlan>,
    /// What was kept and cannot be used, as the spec's diagnostics have it as well.
    pub damaged: Vec<Diagnostic>,
    /// The remote's plan is the one that counts, and is not ours yet.
    pub adopts: bool,
    pub refs: SpecRefs,
}

impl Planning {
    /// True when the kept plan is of this very text.
    pub fn is_current(&self) -> bool {
        self.kept.as_ref().is_some_and(|k| k.text == self.hash)
    }
}

/// Tasks that are chunks of a plan.
pub(super) fn chunks_of(spec: &Spec) -> BTreeSet<ChunkId> {
    let planned = spec.tasks.iter();
    let planned = planned.filter(|t| matches!(t.site, MarkSite::Line { .. }));
    planned.map(|t| t.id.clone()).collect()
}

impl SpecSurvey<'_> {
    /// The spec with the chunks of its plan for tasks, where it is one for a plan and has one.
    ///
    /// # Errors
    /// Objects that cannot be read; a plan of a newer version is a diagnostic.
    pub(super) fn planned(
        &self,
        mut spec: Spec,
        text: &[u8],
    ) -> Result<Result<(Spec, Option<Planning>), Diagnostic>, GitError> {
        if !spec.prose {
            if !spec.tasks.is_empty() {
                spec::note_unknown_marks(&mut spec);
            }
            return Ok(Ok((spec, None)));
        }
        let hash = spec::text_hash(text, &spec);
        let marked = |plan: &ChunkPlan| {
            let known = plan.chunks.iter().map(|c| &c.id).collect::<BTreeSet<_>>();
            let marks = spec.chunk_marks.iter();
            marks.filter(|c| known.contains(&c.id)).count()
        };
        let mut best: Option<((bool, usize), bool, ChunkPlan)> = None;
        let mut damaged = Vec::new();
        let both = [(&self.refs.plan, false), (&self.refs.remote_plan, true)];
        for (commit, is_remote) in both {
            let Some(commit) = commit else { continue };
            let plan = match self.kept_plan(commit)? {
                Ok(plan) => plan,
                Err(KeptError::Damaged(why)) => {
                    damaged.push(why);
                    continue;
                }
                Err(newer @ KeptError::Newer { .. }) => {
                    return Ok(Err(self.cannot_use(&newer)));
                }
            };
            // Ours, unless the other one is of this text, or of the work that is there, and ours is not.
            let fits = (plan.text == hash, marked(&plan));
            if best.as_ref().is_none_or(|(than, ..)| fits > *than) {
                best = Some((fits, is_remote, plan));
            }
        }
        let damaged: Vec<Diagnostic> = damaged
            .into_iter()
            .map(|why| Diagnostic {
                rule: Rule::KeptPlan,
                severity: Severity::Warning,
                ..self.cannot_use(&KeptError::Damaged(why))
            })
            .collect();
        let is_remote = best.as_ref().is_some_and(|(_, is_remote, _)| *is_remote);
        let planning = Planning {
            sections: spec.clone(),
            hash,
            damaged: damaged.clone(),
            kept: best.map(|(.., plan)| plan),
            adopts: is_remote && self.refs.plan != self.refs.remote_plan,
            refs: self.refs.clone(),
        };
        spec.diagnostics.extend(damaged);
        if let Some(plan) = &planning.kept {
            spec = spec::apply_plan(spec, text, plan);
        }
        spec::note_unknown_marks(&mut spec);
        Ok(Ok((spec, Some(planning))))
    }

    fn kept_plan(&self, commit: &Oid) -> Result<Result<ChunkPlan, KeptError>, GitError> {
        Ok(match self.repo.read_file(commit, kept::FILE)? {
            Some(bytes) => kept::decode(&bytes),
            None => Err(KeptError::Damaged(format!(
                "{commit} has no {}",
                kept::FILE
            ))),
        })
    }

    fn cannot_use(&self, why: &KeptError) -> Diagnostic {
        let remedy = match why {
            KeptError::Newer { .. } => "upgrade codelicious",
            KeptError::Damaged(_) => "nothing: it is planned anew where a model can be asked",
        };
        Diagnostic {
            rule: Rule::KeptPlan,
            severity: Severity::Error,
            path: self.place.path.clone(),
            line: 0,
            message: format!("the kept plan of {} cannot be used: {why}", self.id),
            remedy: remedy.to_owned(),
        }
    }
}
