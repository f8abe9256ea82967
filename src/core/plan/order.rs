//! In which order specs are built, and which are not built at all.

use super::{SpecInput, twins};
use crate::core::graph;
use crate::model::spec::SpecStatus;
use crate::model::{Diagnostic, Rule, Severity, Task, TaskMark};
use std::collections::{BTreeSet, HashMap};

/// A spec's place in the plan.
#[derive(Debug)]
pub struct Placed {
    /// Index into the input.
    pub(super) spec: usize,
    /// Indexes of the specs it depends on, in the input.
    pub(super) depends_on: Vec<usize>,
    /// Why nothing of it is built.
    pub(super) not_built: Option<String>,
    /// What a person has to settle first, where that is why.
    pub(super) waits_for: Option<String>,
}

/// Puts specs in build order: after what they depend on, then by priority (lower first, none last; what an
/// urgent spec depends on is as urgent), then by path.
pub(super) fn order(specs: &[SpecInput<'_>]) -> (Vec<Placed>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let mut by_path: Vec<usize> = (0..specs.len()).collect();
    by_path.sort_by(|&a, &b| specs[a].spec.path.cmp(&specs[b].spec.path));
    let names = Names::new(specs, &by_path);
    let mut edges: Vec<Vec<usize>> = vec![Vec::new(); specs.len()];
    let twins = twins::find(specs);
    for &i in &by_path {
        // Who waits for a list waits for what is built in its stead.
        let wanted = names.resolve_all(i, &mut diagnostics).into_iter();
        let built: BTreeSet<usize> = wanted.map(|d| twins[d].unwrap_or(d)).collect();
        edges[i] = built
            .into_iter()
            .filter(|d| *d != i || twins[i].is_none())
            .collect();
    }
    let depends_on = edges.clone();

    let mut not_built: Vec<Option<String>> = specs.iter().map(|s| own_reason(s)).collect();
    let mut waits_for: Vec<Option<String>> = specs.iter().map(|s| gate(s)).collect();
    for (input, why) in specs.iter().zip(&waits_for) {
        diagnostics.extend(why.as_ref().map(|why| Diagnostic {
            rule: Rule::Held,
            severity: Severity::Warning,
            path: input.spec.path.clone(),
            line: 0,
            message: format!("nothing of it is built: {why}"),
            remedy:
                "settle it; or name the spec with --spec, which builds it all the same".to_owned(),
        }));
    }
    for (i, twin) in twins.iter().enumerate() {
        let Some(twin) = twin.filter(|_| not_built[i].is_none()) else {
            continue;
        };
        let other = specs[twin].spec;
        let message = match &not_built[twin] {
            None => format!(
                "its open tasks all stand in {} as well, which is {}: only that one is built",
                other.path, other.format
            ),
            Some(why) => format!(
                "its open tasks all stand in {} as well, which is not built: {why}",
                other.path
            ),
        };
        diagnostics.push(Diagnostic {
            rule: Rule::TwinList,
            severity: Severity::Warning,
            path: specs[i].spec.path.clone(),
            line: 0,
            message: message.clone(),
            remedy: "take one of the two away, or say `status: done` in it; named with --spec this one is built"
                .to_owned(),
        });
        not_built[i] = Some(message);
    }
    let circles = graph::circles(&edges);
    for members in &circles {
        let around = graph::one_circle(&edges, members);
        let first = around.first().copied();
        let path = around
            .iter()
            .copied()
            .chain(first)
            .map(|i| specs[i].spec.path.as_str())
            .collect::<Vec<_>>();
        let message = format!(
            "specs depend on each other in a circle: {}",
            path.join(" -> ")
        );
        for &i in members {
            diagnostics.push(Diagnostic {
                rule: Rule::CircularDependency,
                severity: Severity::Error,
                path: specs[i].spec.path.clone(),
                line: 0,
                message: message.clone(),
                remedy: "remove one `depends_on` entry of the circle from its front matter"
                    .to_owned(),
            });
            not_built[i] = Some(message.clone());
        }
    }
    graph::drop_inner(&mut edges, &circles);

    let order = sequence(specs, &by_path, &edges);
    for &i in &order {
        if not_built[i].is_some() {
            continue;
        }
        let missing = depends_on[i]
            .iter()
            .copied()
            .find(|&d| not_built[d].is_some() && specs[d].spec.front.status != SpecStatus::Done);
        if let Some(d) = missing {
            let why = format!("depends on {}, which is not built", specs[d].spec.path);
            diagnostics.push(Diagnostic {
                rule: Rule::Held,
                severity: Severity::Warning,
                path: specs[i].spec.path.clone(),
                line: 0,
                message: why.clone(),
                remedy: "make that spec buildable, or remove it from `depends_on`".to_owned(),
            });
            not_built[i] = Some(why);
        }
    }
    let mut depends_on = depends_on;
    let placed = order
        .into_iter()
        .map(|spec| Placed {
            spec,
            depends_on: std::mem::take(&mut depends_on[spec]),
            not_built: not_built[spec].take(),
            waits_for: waits_for[spec].take(),
        })
        .collect();
    (placed, diagnostics)
}

fn own_reason(input: &SpecInput<'_>) -> Option<String> {
    let spec = input.spec;
    if input.withdrawn {
        let why = "its file was taken away; what was built stays on its branch, and goes on when the file is back";
        return Some(why.to_owned());
    }
    if let Some(error) = spec
        .diagnostics
        .iter()
        .find(|d| d.severity == Severity::Error)
    {
        return Some(format!(
            "the spec has an error in line {}: {}",
            error.line, error.message
        ));
    }
    match spec.front.status {
        SpecStatus::Ready => spec.held.as_ref().map(|why| {
            format!("{why}; it is built when that is settled, or when it is named with --spec")
        }),
        SpecStatus::Draft => Some("its front matter says `status: draft`".to_owned()),
        SpecStatus::Done => Some("its front matter says `status: done`".to_owned()),
    }
}

/// What a person has to settle before the open work of a spec is built, where nothing else is in its way.
fn gate(input: &SpecInput<'_>) -> Option<String> {
    let spec = input.spec;
    let is_else_ready = spec.front.status == SpecStatus::Ready
        && !input.withdrawn
        && spec
            .diagnostics
            .iter()
            .all(|d| d.severity != Severity::Error);
    let is_open = |task: &Task| {
        task.aside.is_none() && task.mark != TaskMark::Done && !input.done.contains(&task.id)
    };
    let why = spec.held.clone().filter(|_| is_else_ready)?;
    spec.work().any(is_open).then_some(why)
}

/// Build order for edges without circles.
fn sequence(specs: &[SpecInput<'_>], by_path: &[usize], edges: &[Vec<usize>]) -> Vec<usize> {
    let urgency = |p: Option<i64>| (p.is_none(), p.unwrap_or(0));
    let mut urgent: Vec<(bool, i64)> = specs
        .iter()
        .map(|s| urgency(s.spec.front.priority))
        .collect();
    if let Some(order) = graph::topological(edges, |_| 0) {
        for &i in order.iter().rev() {
            for &d in &edges[i] {
                urgent[d] = urgent[d].min(urgent[i]);
            }
        }
    }
    let mut ranked = by_path.to_vec();
    ranked.sort_by_key(|&i| urgent[i]);
    let mut rank = vec![0; specs.len()];
    for (r, &i) in ranked.iter().enumerate() {
        rank[i] = r;
    }
    let by_rank: Vec<Vec<usize>> = ranked
        .iter()
        .map(|&i| edges[i].iter().map(|&d| rank[d]).collect())
        .collect();
    let order = graph::topological(&by_rank, |_| 0).unwrap_or_else(|| (0..specs.len()).collect());
    order.into_iter().map(|r| ranked[r]).collect()
}

/// What a `depends_on` entry may call a spec.
struct Names<'a> {
    specs: &'a [SpecInput<'a>],
    /// Paths and slugs.
    exact: HashMap<&'a str, usize>,
    /// Specs by the name of their file, with and without extension, and of their folder; by path.
    last: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Names<'a> {
    fn new(specs: &'a [SpecInput<'a>], by_path: &[usize]) -> Self {
        let mut exact = HashMap::with_capacity(specs.len() * 2);
        for (i, s) in specs.iter().enumerate() {
            exact.insert(s.spec.id.as_str(), i);
        }
        for (i, s) in specs.iter().enumerate() {
            exact.insert(s.spec.path.as_str(), i);
        }
        let mut last: HashMap<&str, Vec<usize>> = HashMap::with_capacity(specs.len() * 3);
        for &i in by_path {
            let path = specs[i].spec.path.as_str();
            let names = [path, without_extension(path), parent(path)].map(last_component);
            for (n, name) in names.iter().enumerate() {
                if !name.is_empty() && !names[..n].contains(name) {
                    last.entry(name).or_default().push(i);
                }
            }
        }
        Self { specs, exact, last }
    }

    fn resolve_all(&self, from: usize, diagnostics: &mut Vec<Diagnostic>) -> Vec<usize> {
        let spec = self.specs[from].spec;
        let mut found = BTreeSet::new();
        for entry in &spec.front.depends_on {
            let targets = self.resolve(from, entry.trim());
            let complaint = match targets.as_slice() {
                [] => Some(format!(
                    "`depends_on` names {entry:?}, and there is no such spec"
                )),
                [_] => None,
                several => {
                    let paths: Vec<&str> = several
                        .iter()
                        .map(|&i| self.specs[i].spec.path.as_str())
                        .collect();
                    Some(format!(
                        "`depends_on` names {entry:?}, which could be any of {}; it waits for all",
                        paths.join(", ")
                    ))
                }
            };
            if let Some(message) = complaint {
                diagnostics.push(Diagnostic {
                    rule: Rule::UnknownDependency,
                    severity: Severity::Warning,
                    path: spec.path.clone(),
                    line: 0,
                    message,
                    remedy: "write the path of the spec below the repository's root".to_owned(),
                });
            }
            found.extend(targets);
        }
        found.into_iter().collect()
    }

    /// By path, then slug, then path from the spec's own folder, then path suffix, file stem or folder of
    /// the spec; among several of the last kind one in the same folder wins. Never the spec itself, unless
    /// it is named by its path or slug.
    fn resolve(&self, from: usize, entry: &str) -> Vec<usize> {
        let plain = entry.trim_start_matches("./");
        let own_folder = parent(&self.specs[from].spec.path);
        let exact = self.exact.get(plain).or_else(|| {
            let joined = join(own_folder, entry)?;
            self.exact.get(joined.as_str())
        });
        if let Some(&i) = exact {
            return vec![i];
        }
        let wanted = plain.trim_start_matches("../").trim_end_matches('/');
        if wanted.is_empty() {
            return Vec::new();
        }
        let named = self
            .last
            .get(last_component(wanted))
            .map_or(&[][..], Vec::as_slice);
        let others = || named.iter().copied().filter(|&i| i != from);
        let path = |i: usize| self.specs[i].spec.path.as_str();
        let by_file: Vec<usize> = others()
            .filter(|&i| ends_in(path(i), wanted) || ends_in(without_extension(path(i)), wanted))
            .collect();
        let found = if by_file.is_empty() {
            others()
                .filter(|&i| ends_in(parent(path(i)), wanted))
                .collect()
        } else {
            by_file
        };
        match found
            .iter()
            .copied()
            .filter(|&i| parent(path(i)) == own_folder)
            .collect::<Vec<_>>()
            .as_slice()
        {
            [near] => vec![*near],
            _ => found,
        }
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn last_component(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn without_extension(path: &str) -> &str {
    let name = path.len() - last_component(path).len();
    match path[name..].rfind('.') {
        Some(dot) if dot > 0 => &path[..name + dot],
        _ => path,
    }
}

/// True when `suffix` is the last whole components of `path`.
fn ends_in(path: &str, suffix: &str) -> bool {
    path.strip_suffix(suffix)
        .is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

/// `entry` seen from `folder`, with `.` and `..` taken out; None when it leaves the root.
fn join(folder: &str, entry: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
    for part in entry.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}
