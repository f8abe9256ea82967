//! From parsed specs to chunks in build order.
//!
//! Every task that is work is one chunk, or a series of parts where it is too big for one prompt; with it go its steps.
//! Groups are never built; their text is context to the tasks inside. What its spec leaves out is listed as such. Nothing here reads anything: what the plan needs
//! to know about the repository comes in with [`PlanInput`].

mod context;
mod deps;
mod library;
mod order;
mod relevance;
mod twins;

use crate::core::split::{self, BoundsError, Piece, Room};
use crate::core::tokens::estimate;
use crate::model::{
    Aside, Chunk, ChunkId, ChunkPart, Diagnostic, Document, LeftOut, Plan, PlanWarning, PrMode,
    Role, Rule, Spec, SpecPlan, Task, TaskMark,
};
use crate::spec::is_json;
use context::Surroundings;
pub use order::Placed;
use std::collections::{BTreeSet, HashMap};

/// What the prompt says around the parts that are counted one by one.
const FRAME_TOKENS: u64 = 500;

/// Everything a plan is made from.
#[derive(Clone, Copy)]
pub struct PlanInput<'a> {
    pub specs: &'a [SpecInput<'a>],
    /// Most tokens one assignment may start with, by estimate.
    pub budget_tokens: u64,
    /// What of it is kept for the system prompt, the list of checks and a person's answer.
    pub reserve_tokens: u64,
    /// Estimated tokens of a file of the repository, by path below its root; None where it does not exist.
    /// Asked once for each path of a spec.
    pub file_tokens: &'a (dyn Fn(&str) -> Option<u64> + Sync),
}

/// One spec to plan.
#[derive(Clone, Copy, Debug)]
pub struct SpecInput<'a> {
    pub spec: &'a Spec,
    /// The file as read; the spec's spans index into it.
    pub bytes: &'a [u8],
    /// What stands beside it and says more.
    pub documents: &'a [Document],
    /// Tasks, and parts of tasks, that are done elsewhere: their mark stands on the base.
    pub done: &'a BTreeSet<ChunkId>,
    /// A person took the file away; what is left of it stands in its lane.
    pub withdrawn: bool,
}

/// Plans all specs. The same input gives the same plan.
///
/// A chunk comes after everything it depends on and else in document order; the specs' own diagnostics are
/// part of the plan's. Chunks of a spec that is not built are listed without context and are never split.
pub fn plan(input: &PlanInput<'_>) -> Plan {
    let arranged = Arranged::new(input);
    let places = arranged.places().iter();
    let planned = places.map(|place| arranged.plan(place)).collect();
    arranged.whole(planned)
}

/// Specs in the order in which they are built, each to be planned by itself, on whatever thread.
pub struct Arranged<'a> {
    input: &'a PlanInput<'a>,
    places: Vec<Placed>,
    /// About specs that have to do with each other.
    diagnostics: Vec<Diagnostic>,
    /// Most tokens of one prompt.
    limit: u64,
}

/// One spec's plan, and doubts about it.
pub struct Planned {
    plan: SpecPlan,
    warnings: Vec<PlanWarning>,
}

impl<'a> Arranged<'a> {
    /// Puts specs in build order.
    pub fn new(input: &'a PlanInput<'a>) -> Self {
        let (places, diagnostics) = order::order(input.specs);
        Self {
            input,
            places,
            diagnostics,
            limit: input.budget_tokens.saturating_sub(input.reserve_tokens),
        }
    }

    /// What is to be planned, in build order.
    pub fn places(&self) -> &[Placed] {
        &self.places
    }

    /// Plans one spec.
    pub fn plan(&self, place: &Placed) -> Planned {
        let specs = self.input.specs;
        let one = &specs[place.spec];
        let mut warnings = Vec::new();
        let mut planner = Planner {
            input: one,
            files: &mut FileSizes {
                ask: self.input.file_tokens,
                known: HashMap::new(),
            },
            limit: self.limit,
            warnings: &mut warnings,
        };
        let made = planner.chunks(place.not_built.is_none());
        let depends_on = place.depends_on.iter();
        let plan = SpecPlan {
            id: one.spec.id.clone(),
            path: one.spec.path.clone(),
            format: one.spec.format,
            title: one.spec.title.clone(),
            status: one.spec.front.status,
            depends_on: depends_on.map(|&d| specs[d].spec.id.clone()).collect(),
            priority: one.spec.front.priority,
            not_built: place.not_built.clone(),
            waits_for: place.waits_for.clone(),
            chunks: made.chunks,
            left_out: made.left_out,
            outline: made.outline,
        };
        Planned { plan, warnings }
    }

    /// The whole plan, of what was planned at each place.
    pub fn whole(self, planned: Vec<Planned>) -> Plan {
        let mut whole = Plan::default();
        if self.limit <= FRAME_TOKENS && !self.places.is_empty() {
            whole.warnings.push(PlanWarning {
                spec: None,
                chunk: None,
                rule: None,
                line: 0,
                message: format!(
                    "the token budget of {} leaves no room for any task ({} are reserved, {FRAME_TOKENS} frame the \
                     prompt); tasks are neither split nor given context: raise the budget",
                    self.input.budget_tokens, self.input.reserve_tokens
                ),
            });
        }
        for place in &self.places {
            let said = &self.input.specs[place.spec].spec.diagnostics;
            whole.diagnostics.extend(said.iter().cloned());
        }
        whole.diagnostics.extend(self.diagnostics);
        for one in planned {
            whole.specs.push(one.plan);
            whole.warnings.extend(one.warnings);
        }
        whole
    }
}

/// Which open chunks would share a pull request if every one of them were committed: in build order as many as
/// `mode` has in one, where that goes by size runs of `max_commits` (at least one). A forecast: the cap on changed
/// lines and stopped chunks change it.
pub fn parts_preview(spec: &SpecPlan, mode: PrMode, max_commits: usize) -> Vec<Vec<ChunkId>> {
    if spec.not_built.is_some() {
        return Vec::new();
    }
    let most = match mode {
        PrMode::Part => max_commits.max(1),
        PrMode::Chunk => 1,
        PrMode::Spec => usize::MAX,
    };
    let open: Vec<ChunkId> = spec
        .chunks
        .iter()
        .filter(|c| !c.done)
        .map(|c| c.id.clone())
        .collect();
    open.chunks(most).map(<[ChunkId]>::to_vec).collect()
}

struct FileSizes<'a> {
    ask: &'a (dyn Fn(&str) -> Option<u64> + Sync),
    known: HashMap<String, u64>,
}

impl FileSizes<'_> {
    /// Estimated tokens of a file, 0 where it does not exist yet.
    fn tokens(&mut self, path: &str) -> u64 {
        if let Some(known) = self.known.get(path) {
            return *known;
        }
        let tokens = (self.ask)(path).unwrap_or(0);
        self.known.insert(path.to_owned(), tokens);
        tokens
    }
}

/// One chunk to be of a task: its text, and how it is a part of it.
struct Draft {
    id: ChunkId,
    part: Option<ChunkPart>,
    text: String,
    files: Vec<String>,
    done: bool,
}

/// What a spec came to.
struct Chunks {
    /// In build order.
    chunks: Vec<Chunk>,
    outline: String,
    left_out: Vec<LeftOut>,
}

struct Planner<'a, 'f> {
    input: &'a SpecInput<'a>,
    files: &'a mut FileSizes<'f>,
    /// Most tokens of one prompt.
    limit: u64,
    warnings: &'a mut Vec<PlanWarning>,
}

impl Planner<'_, '_> {
    fn chunks(&mut self, built: bool) -> Chunks {
        let spec = self.input.spec;
        let done = done_tasks(spec, self.input.done);
        let aside = deps::left_out(spec, &done);
        let leaves: Vec<usize> = (0..spec.tasks.len())
            .filter(|&t| spec.tasks[t].role == Role::Work && aside[t].is_none())
            .collect();
        let leaf_done: Vec<bool> = leaves.iter().map(|&t| done[t]).collect();
        let deps = deps::dependencies(spec, &leaves, &leaf_done, self.warnings);
        let mut around = Surroundings::new(spec, self.input.bytes, self.input.documents, &done);
        let with_context = built && self.limit > FRAME_TOKENS;
        let outline = if with_context && leaf_done.contains(&false) {
            around.outline()
        } else {
            String::new()
        };
        let outline_size = estimate(&outline);

        let numbers = deps::numbers(spec);
        let mut last: Vec<Option<ChunkId>> = vec![None; leaves.len()];
        let mut chunks = Vec::with_capacity(leaves.len());
        for &leaf in &deps.order {
            let task = &spec.tasks[leaves[leaf]];
            let headings = spec
                .sections
                .get(task.section)
                .map_or(&[][..], |s| s.headings.as_slice());
            let mut waits: Vec<ChunkId> = deps.edges[leaf]
                .iter()
                .filter_map(|&d| last[d].clone())
                .collect();
            let fixed = fixed_tokens(spec, task, headings);
            let drafts = if done[leaves[leaf]] {
                vec![whole(task, true)]
            } else {
                self.drafts(task, fixed, with_context)
            };
            for draft in drafts {
                let mut chunk = Chunk {
                    id: draft.id,
                    task: task.id.clone(),
                    label: task
                        .label
                        .clone()
                        .filter(|label| task.named || numbers.contains(label.as_str())),
                    title: part_title(task, draft.part.as_ref()),
                    part: draft.part,
                    text: draft.text,
                    headings: headings.to_vec(),
                    fingerprint: task.fingerprint.clone(),
                    line: task.line,
                    depends_on: std::mem::take(&mut waits),
                    files: draft.files,
                    tokens: 0,
                    context: String::new(),
                    outline_tokens: 0,
                    done: draft.done,
                };
                if built && !chunk.done {
                    chunk.tokens = fixed + estimate(&chunk.text) + self.sizes(&chunk.files);
                }
                if with_context && !chunk.done {
                    let cut_out = chunk.part.is_some() && !chunk.text.starts_with(&task.text);
                    let whole = cut_out.then_some(task.text.as_str());
                    let room = self.limit.saturating_sub(chunk.tokens);
                    let (context, size) = around.of(&leaves, leaf, whole, room);
                    chunk.context = context;
                    chunk.outline_tokens = outline_size.min(room.saturating_sub(size));
                    chunk.tokens += size + chunk.outline_tokens;
                    self.warn_if_too_big(&chunk);
                }
                waits.push(chunk.id.clone());
                last[leaf] = Some(chunk.id.clone());
                chunks.push(chunk);
            }
        }
        let left_out = spec.tasks.iter().zip(aside);
        let left_out = left_out.filter(|(task, _)| task.role == Role::Work);
        let left_out = left_out.filter_map(|(task, why)| {
            Some(LeftOut {
                id: task.id.clone(),
                label: task.label.clone(),
                title: task.title.clone(),
                line: task.line,
                because: why?,
            })
        });
        Chunks {
            chunks,
            outline,
            left_out: left_out.collect(),
        }
    }

    /// Estimated tokens of all of `files`.
    fn sizes(&mut self, files: &[String]) -> u64 {
        files.iter().map(|f| self.files.tokens(f)).sum()
    }

    fn warn_if_too_big(&mut self, chunk: &Chunk) {
        if chunk.tokens > self.limit {
            let message = format!(
                "{:?} needs about {} tokens and {} fit the budget, and it cannot be split further: \
                 cut it into smaller tasks, name fewer files, or raise the budget",
                context::shown(&chunk.title),
                chunk.tokens,
                self.limit
            );
            self.warn(Rule::TooLarge, &chunk.id, chunk.line, message);
        }
    }

    /// An open task as one chunk, or as its parts: those that were noted in the spec, else, where
    /// `may_split`, those that fit the budget.
    fn drafts(&mut self, task: &Task, fixed: u64, may_split: bool) -> Vec<Draft> {
        match &task.mark {
            // All parts landed and yet the task is open: a person wants it built anew.
            TaskMark::Partial { done, of, bounds } if done < of => {
                match split::restore(&task.text, task.files.len(), bounds, *of) {
                    Ok(pieces) => self.parts(task, &pieces, bounds, *done),
                    Err(error) => vec![self.remainder(task, *done, *of, &error)],
                }
            }
            TaskMark::Open | TaskMark::Done | TaskMark::Partial { .. } | TaskMark::Noted { .. } => {
                let pieces = if may_split {
                    self.pieces(task, fixed)
                } else {
                    None
                };
                match pieces {
                    Some(pieces) => {
                        self.parts(task, &pieces, &split::bounds(&task.text, &pieces), 0)
                    }
                    None => vec![whole(task, false)],
                }
            }
        }
    }

    /// The parts of a task that is too big as a whole; None where it is not or cannot be split.
    fn pieces(&mut self, task: &Task, fixed: u64) -> Option<Vec<Piece>> {
        let sizes: Vec<u64> = task.files.iter().map(|f| self.files.tokens(f)).collect();
        let needs = fixed + estimate(&task.text) + sizes.iter().sum::<u64>();
        // The records of JSON tasks have no place for a part's mark.
        let json = is_json(&self.input.spec.path);
        if needs <= self.limit || json {
            return None;
        }
        // Parts limited to some files are told which.
        let names = task.files.iter().map(|f| estimate(f) + 1).sum::<u64>() + 12;
        split::split(
            &task.text,
            &task.files,
            Room {
                fixed: fixed + names,
                limit: self.limit,
                files: &sizes,
            },
        )
    }

    /// What is left of a task whose text changed after some of its parts had landed.
    fn remainder(&mut self, task: &Task, done: usize, of: usize, error: &BoundsError) -> Draft {
        let title = context::shown(&task.title);
        let line = task.line;
        self.warn(
            Rule::Contradiction,
            &task.id,
            line,
            format!(
                "{title:?}: {done} of {of} parts are done, but {error}; what remains is one chunk"
            ),
        );
        let mut rest = whole(task, false);
        rest.text.push_str(&format!(
            "\n\n{done} of {of} parts of this task were built before. Look at what is there and build what is missing."
        ));
        rest
    }

    fn parts(&self, task: &Task, pieces: &[Piece], bounds: &str, done: usize) -> Vec<Draft> {
        let draft = |(i, piece): (usize, &Piece)| {
            let id = ChunkId::new(format!("{}+{}", task.id, i + 1));
            let named = split::piece_files(&task.text, &task.files, piece);
            let files: Vec<String> = named.iter().map(|&f| task.files[f].clone()).collect();
            let mut text = split::piece_text(&task.text, piece);
            if piece.files.is_some() {
                text.push_str(&format!(
                    "\n\nThis part is about these files only: {}",
                    files.join(", ")
                ));
            }
            Draft {
                done: i < done || self.input.done.contains(&id),
                id,
                part: Some(ChunkPart {
                    index: i + 1,
                    of: pieces.len(),
                    bounds: bounds.to_owned(),
                }),
                text,
                files,
            }
        };
        pieces.iter().enumerate().map(draft).collect()
    }

    fn warn(&mut self, rule: Rule, chunk: &ChunkId, line: usize, message: String) {
        self.warnings.push(PlanWarning {
            spec: Some(self.input.spec.id.clone()),
            chunk: Some(chunk.clone()),
            rule: Some(rule),
            line,
            message,
        });
    }
}

fn whole(task: &Task, done: bool) -> Draft {
    Draft {
        id: task.id.clone(),
        part: None,
        text: task.text.clone(),
        files: task.files.clone(),
        done,
    }
}

fn part_title(task: &Task, part: Option<&ChunkPart>) -> String {
    match part {
        Some(part) => format!("{} ({}/{})", task.title, part.index, part.of),
        None => task.title.clone(),
    }
}

/// What every prompt of a task holds besides its text, files and context.
fn fixed_tokens(spec: &Spec, task: &Task, headings: &[String]) -> u64 {
    let headings: u64 = headings.iter().map(|h| estimate(h) + 1).sum();
    FRAME_TOKENS + estimate(&spec.path) + estimate(&task.title) + headings
}

/// For every task whether it is done: work by its mark or by `elsewhere`, a group when all work inside it is or need
/// not be, a step by its mark.
fn done_tasks(spec: &Spec, elsewhere: &BTreeSet<ChunkId>) -> Vec<bool> {
    let own = |task: &Task| task.mark == TaskMark::Done || elsewhere.contains(&task.id);
    let mut done: Vec<bool> = spec
        .tasks
        .iter()
        .map(|task| task.role != Role::Group && own(task))
        .collect();
    // Children follow their parents, so that the last parents are settled first.
    for (i, task) in spec
        .tasks
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, t)| t.role == Role::Group)
    {
        let need_not = |task: &Task| task.aside.as_ref().is_some_and(Aside::is_for_good);
        let mut inside = task.children.iter();
        done[i] = inside.all(|&c| done[c] || need_not(&spec.tasks[c]));
    }
    done
}

#[cfg(test)]
pub(crate) mod testkit;
#[cfg(test)]
mod tests;
