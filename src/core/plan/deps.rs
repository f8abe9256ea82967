//! Which tasks of one spec wait for which others, and the order that follows.
//!
//! A task that says what it depends on waits for that and nothing else. Every other task waits for all tasks of the
//! stages before its own ([`crate::model::Stage`]): of plain Markdown each heading with tasks is one, of whatever level,
//! so that `### Tests` and `### Code` under one `## Phase` come one after the other. Tasks of one stage, children of one
//! parent and children of different parents in one stage do not wait for each other, unless the stage is built in turn.
//! What a parent says it depends on counts for all its children, and who depends on a parent waits for all its children.
//! Chunks of a model's plan wait for what the plan says and nothing else. Among tasks that may be built, those with the
//! lower priority number come first, then those that stand first.

use crate::core::graph;
use crate::model::{Aside, ChunkId, MarkSite, PlanWarning, Rule, Spec, Task};
use std::collections::{BTreeSet, HashMap, HashSet};

/// From this many edges between two groups on, one task of the waiting group stands in for the others:
/// it waits for the whole group before, they wait for it. Nothing is lost and edges stay linear.
const MAX_EDGES: usize = 4096;

/// Leaves of a spec with their dependencies. Leaves are tasks without children, in document order;
/// numbers are positions in that list.
#[derive(Debug)]
pub(super) struct Dependencies {
    /// Build order.
    pub order: Vec<usize>,
    /// What each leaf waits for, ascending.
    pub edges: Vec<Vec<usize>>,
}

/// Resolves the dependencies of `leaves` (indexes into the spec's tasks); `done` says which leaves are.
pub(super) fn dependencies(
    spec: &Spec,
    leaves: &[usize],
    done: &[bool],
    warnings: &mut Vec<PlanWarning>,
) -> Dependencies {
    let mut explicit = explicit_edges(spec, leaves, done, warnings);
    let circles = graph::circles(&explicit);
    for members in &circles {
        let around = graph::one_circle(&explicit, members);
        let first = around.first().copied();
        let names: Vec<&str> = around
            .iter()
            .copied()
            .chain(first)
            .map(|l| name(&spec.tasks[leaves[l]]))
            .collect();
        warnings.push(PlanWarning {
            spec: Some(spec.id.clone()),
            chunk: first.map(|l| spec.tasks[leaves[l]].id.clone()),
            rule: Some(Rule::CircularDependency),
            line: first.map_or(0, |l| spec.tasks[leaves[l]].line),
            message: format!(
                "tasks depend on each other in a circle ({}); they are built in document order instead",
                names.join(" -> ")
            ),
        });
    }
    graph::drop_inner(&mut explicit, &circles);
    for targets in &mut explicit {
        targets.sort_unstable();
        targets.dedup();
    }

    let mut implied = implied_edges(spec, leaves, done, &explicit);
    let mut edges = union(&explicit, &implied);
    let rank = |leaf: usize| spec.tasks[leaves[leaf]].priority.unwrap_or(i64::MAX);
    let order = graph::topological(&edges, rank).or_else(|| {
        // A task named a later one: what the order of sections implied gives way to what was said.
        let circles = graph::circles(&edges);
        graph::drop_inner(&mut implied, &circles);
        edges = union(&explicit, &implied);
        graph::topological(&edges, rank)
    });
    let order = order.unwrap_or_else(|| (0..leaves.len()).collect());
    Dependencies { order, edges }
}

fn union(a: &[Vec<usize>], b: &[Vec<usize>]) -> Vec<Vec<usize>> {
    a.iter()
        .zip(b)
        .map(|(a, b)| {
            let mut all: Vec<usize> = a.iter().chain(b).copied().collect();
            all.sort_unstable();
            all.dedup();
            all
        })
        .collect()
}

/// What people call a task: its label, else its title.
fn name(task: &Task) -> &str {
    task.label.as_deref().unwrap_or(&task.title)
}

fn explicit_edges(
    spec: &Spec,
    leaves: &[usize],
    done: &[bool],
    warnings: &mut Vec<PlanWarning>,
) -> Vec<Vec<usize>> {
    let mut edges = vec![Vec::new(); leaves.len()];
    if spec.tasks.iter().all(|t| t.depends_on.is_empty()) {
        return edges;
    }
    let labels = Labels::new(spec);
    let mut place: HashMap<usize, usize> = HashMap::with_capacity(leaves.len());
    place.extend(leaves.iter().enumerate().map(|(l, t)| (*t, l)));
    for (i, task) in spec
        .tasks
        .iter()
        .enumerate()
        .filter(|(_, t)| !t.depends_on.is_empty())
    {
        let mut warn = |rule: Rule, message: String| {
            warnings.push(PlanWarning {
                spec: Some(spec.id.clone()),
                chunk: Some(task.id.clone()),
                rule: Some(rule),
                line: task.line,
                message,
            });
        };
        let waiting: BTreeSet<usize> = leaves_below(spec, i, &place);
        let mut targets = BTreeSet::new();
        for label in &task.depends_on {
            let Some((target, twins)) = labels.find(spec, i, label) else {
                warn(
                    Rule::UnknownDependency,
                    format!(
                        "{} depends on {label:?}, and no task of the spec is called so; the dependency is ignored",
                        name(task)
                    ),
                );
                continue;
            };
            if twins > 1 {
                warn(
                    Rule::DuplicateId,
                    format!(
                        "{} depends on {label:?}, which {twins} tasks are called; the one in line {} is taken",
                        name(task),
                        spec.tasks[target].line
                    ),
                );
            }
            let below = leaves_below(spec, target, &place);
            if below.is_disjoint(&waiting) {
                targets.extend(below);
            } else {
                warn(
                    Rule::CircularDependency,
                    format!(
                        "{} depends on itself; the dependency is ignored",
                        name(task)
                    ),
                );
            }
        }
        join(
            &mut edges,
            &waiting.into_iter().collect::<Vec<_>>(),
            &targets.into_iter().collect::<Vec<_>>(),
            done,
        );
    }
    edges
}

/// Positions of the leaves at or below a task.
fn leaves_below(spec: &Spec, task: usize, place: &HashMap<usize, usize>) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open = vec![task];
    while let Some(t) = open.pop() {
        found.extend(place.get(&t).copied());
        open.extend(&spec.tasks[t].children);
    }
    found
}

/// What each leaf waits for by the shape of the text, where it does not say what it waits for.
fn implied_edges(
    spec: &Spec,
    leaves: &[usize],
    done: &[bool],
    explicit: &[Vec<usize>],
) -> Vec<Vec<usize>> {
    let mut edges = vec![Vec::new(); leaves.len()];
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); spec.stages.len()];
    for (leaf, &task) in leaves.iter().enumerate() {
        if let Some(stage) = members.get_mut(spec.tasks[task].stage) {
            stage.push(leaf);
        }
    }
    // What each stage has to wait for: a stage without leaves hands on what it would wait for itself.
    let mut before: Vec<Vec<usize>> = Vec::with_capacity(spec.stages.len());
    for (index, stage) in spec.stages.iter().enumerate() {
        let mut targets: Vec<usize> = Vec::new();
        for &after in stage.after.iter().filter(|&&after| after < index) {
            match members[after].is_empty() {
                true => targets.extend(&before[after]),
                false => targets.extend(&members[after]),
            }
        }
        targets.sort_unstable();
        targets.dedup();
        let waiting = members[index].iter().copied();
        let waiting: Vec<usize> = waiting.filter(|l| explicit[*l].is_empty()).collect();
        join(&mut edges, &waiting, &targets, done);
        if stage.in_turn {
            in_turn(spec, leaves, &members[index], explicit, &mut edges);
        }
        before.push(targets);
    }
    edges
}

/// Each leaf of a stage waits for the last one before it that is not built beside others.
fn in_turn(
    spec: &Spec,
    leaves: &[usize],
    stage: &[usize],
    explicit: &[Vec<usize>],
    edges: &mut [Vec<usize>],
) {
    let mut last = None;
    for &leaf in stage {
        if let Some(last) = last.filter(|_| explicit[leaf].is_empty()) {
            edges[leaf].push(last);
        }
        if !spec.tasks[leaves[leaf]].parallel {
            last = Some(leaf);
        }
    }
}

/// For every task why it is not built although it is open: what the spec says, or that it needs one that is not
/// built. Nothing needs what is optional.
pub(super) fn left_out(spec: &Spec, done: &[bool]) -> Vec<Option<Aside>> {
    let mut aside: Vec<Option<Aside>> = spec
        .tasks
        .iter()
        .zip(done)
        .map(|(task, done)| task.aside.clone().filter(|_| !done))
        .collect();
    let holds = |why: &Option<Aside>| why.as_ref().is_some_and(|why| *why != Aside::Optional);
    if !aside.iter().any(holds) || spec.tasks.iter().all(|t| t.depends_on.is_empty()) {
        return aside;
    }
    let labels = Labels::new(spec);
    // For every task those that say that they need it.
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); spec.tasks.len()];
    for (task, said) in spec.tasks.iter().enumerate() {
        for label in &said.depends_on {
            if let Some((target, _)) = labels.find(spec, task, label) {
                needed_by[target].push(task);
            }
        }
    }
    let mut held: Vec<usize> = (0..aside.len()).filter(|&t| holds(&aside[t])).collect();
    while let Some(task) = held.pop() {
        // Who needs what is around it needs it, and what is inside who needs it does.
        for target in std::iter::once(task).chain(spec.around(task)) {
            for &needs in &needed_by[target] {
                let within = needs..=needs + spec.inside(needs).count();
                if within.contains(&task) {
                    continue;
                }
                for waiting in within {
                    if aside[waiting].is_none() && !done[waiting] {
                        aside[waiting] = Some(Aside::Needs {
                            task: name(&spec.tasks[target]).to_owned(),
                        });
                        held.push(waiting);
                    }
                }
            }
        }
    }
    aside
}

/// Makes every one of `waiting` wait for all of `targets`, directly or through one of its own group.
fn join(edges: &mut [Vec<usize>], waiting: &[usize], targets: &[usize], done: &[bool]) {
    // One that is done would let the others go before their time.
    let gate = waiting.iter().copied().find(|l| !done[*l]);
    match gate {
        Some(gate) if waiting.len() * targets.len() > MAX_EDGES => {
            for &l in waiting.iter().filter(|l| **l != gate) {
                edges[l].push(gate);
            }
            edges[gate].extend(targets);
        }
        None if waiting.len() * targets.len() > MAX_EDGES => {}
        Some(_) | None => {
            for &l in waiting {
                edges[l].extend(targets);
            }
        }
    }
}

/// Numbers that tasks of a spec are called by: where some are of the kind of `2.1`, those that only one task has.
/// Plain list numbers are none: they begin anew with every list, and change with it.
pub(super) fn numbers(spec: &Spec) -> HashSet<&str> {
    let labels = || spec.tasks.iter().filter_map(|t| t.label.as_deref());
    let is_nested =
        |label: &str| label.contains('.') && label.split('.').all(|n| n.parse::<u32>().is_ok());
    if !labels().any(is_nested) {
        return HashSet::new();
    }
    let mut times: HashMap<&str, usize> = HashMap::new();
    for label in labels() {
        *times.entry(label).or_default() += 1;
    }
    let alone = times.into_iter().filter(|(_, times)| *times == 1);
    alone.map(|(label, _)| label).collect()
}

/// Tasks by what people call them.
struct Labels(HashMap<String, Vec<usize>>);

impl Labels {
    fn new(spec: &Spec) -> Self {
        let mut map: HashMap<String, Vec<usize>> = HashMap::with_capacity(spec.tasks.len());
        for (i, task) in spec.tasks.iter().enumerate() {
            let own = task.label.as_deref().map(key);
            let id = key(ChunkId::as_str(&task.id));
            if own.as_ref() != Some(&id) {
                map.entry(id).or_default().push(i);
            }
            if let Some(own) = own {
                map.entry(own).or_default().push(i);
            }
        }
        Self(map)
    }

    /// The task called `label` and how many could be meant: one in the section of `from` first, then the nearest
    /// before it, then the first of all. List numbers repeat, so that several may be called the same.
    fn find(&self, spec: &Spec, from: usize, label: &str) -> Option<(usize, usize)> {
        let twins = self.0.get(&key(label))?;
        let section = spec.tasks[from].section;
        let others = || twins.iter().filter(|t| **t != from);
        let mut near = others().filter(|t| spec.tasks[**t].section == section);
        if let Some(found) = near.next() {
            return Some((*found, 1 + near.count()));
        }
        // A list of records is one for itself.
        if matches!(spec.tasks[from].site, MarkSite::Value { .. }) {
            return twins.contains(&from).then_some((from, 1));
        }
        let found = others()
            .rfind(|t| **t < from)
            .or_else(|| others().next())
            .or(twins.first())?;
        Some((*found, twins.len()))
    }
}

fn key(label: &str) -> String {
    label
        .trim()
        .trim_matches(['[', ']', '`', '*', '.', ':', ')'])
        .to_lowercase()
}
