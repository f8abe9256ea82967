//! Answers to several windows, put together.

use super::answer::{Fault, Proposed, too_many};
use super::{MAX_ACCEPTANCE, MAX_CHUNKS, MAX_TEXT, file_hints};
use crate::core::graph;
use crate::model::{ChunkId, PlannedChunk, Spec};
use crate::spec::{chunk_id, normal_title};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Chunks as they were proposed so far, each title once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// `depends_on` holds positions in this list.
    chunks: Vec<Proposed>,
    by_title: HashMap<String, usize>,
}

/// All windows together have more chunks than a plan may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TooMany(pub Fault);

impl Draft {
    /// Takes one answer in. A chunk whose title is known already is that one: what the answer adds to it is added,
    /// but what it depends on stays as it was, so that no circle can come about.
    ///
    /// # Errors
    /// More than [`MAX_CHUNKS`] chunks; the draft is not to be used any more.
    pub fn add(&mut self, answer: Vec<Proposed>) -> Result<(), TooMany> {
        let mut places: Vec<(usize, bool)> = Vec::with_capacity(answer.len());
        for proposed in &answer {
            let title = normal_title(&proposed.title);
            let known = self.by_title.get(&title).copied();
            match known {
                Some(at) => join(&mut self.chunks[at], proposed),
                None => {
                    self.by_title.insert(title, self.chunks.len());
                    self.chunks.push(Proposed {
                        depends_on: Vec::new(),
                        ..proposed.clone()
                    });
                }
            }
            places.push((known.unwrap_or(self.chunks.len() - 1), known.is_none()));
        }
        for (proposed, (at, is_new)) in answer.iter().zip(&places) {
            if !is_new {
                continue;
            }
            let needs = proposed.depends_on.iter().filter_map(|i| places.get(*i));
            let needs: BTreeSet<usize> = needs.map(|(place, _)| *place).collect();
            self.chunks[*at].depends_on = needs.into_iter().filter(|n| n != at).collect();
        }
        match self.chunks.len() {
            0..=MAX_CHUNKS => Ok(()),
            n => Err(TooMany(too_many(n))),
        }
    }

    /// Titles so far.
    pub fn titles(&self) -> impl Iterator<Item = &str> {
        self.chunks.iter().map(|c| c.title.as_str())
    }

    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The chunks with their ids, each after what it depends on and else in the order in which they were proposed.
    pub(super) fn into_chunks(mut self, spec: &Spec) -> Vec<PlannedChunk> {
        let mut edges: Vec<Vec<usize>> = self.chunks.iter().map(|c| c.depends_on.clone()).collect();
        // A title that stood twice in one answer may have closed a circle.
        let circles = graph::circles(&edges);
        graph::drop_inner(&mut edges, &circles);
        let order =
            graph::topological(&edges, |_| 0).unwrap_or_else(|| (0..self.chunks.len()).collect());
        let mut used: BTreeSet<ChunkId> = BTreeSet::new();
        let ids: Vec<ChunkId> = self
            .chunks
            .iter()
            .map(|chunk| {
                // Two titles can meet in 48 bits; the next ordinal tells them apart.
                let ids = (0u64..).map(|ordinal| chunk_id(&chunk.title, ordinal));
                let id = ids.into_iter().find(|id| !used.contains(id));
                let id = id.unwrap_or_else(|| chunk_id(&chunk.title, 0));
                used.insert(id.clone());
                id
            })
            .collect();
        let headings = Headings::new(spec);
        order
            .into_iter()
            .map(|at| {
                let chunk = &mut self.chunks[at];
                PlannedChunk {
                    id: ids[at].clone(),
                    title: std::mem::take(&mut chunk.title),
                    text: std::mem::take(&mut chunk.text),
                    acceptance: std::mem::take(&mut chunk.acceptance),
                    headings: headings.find(chunk.section.as_deref()),
                    files: std::mem::take(&mut chunk.files),
                    depends_on: edges[at].iter().map(|n| ids[*n].clone()).collect(),
                }
            })
            .collect()
    }
}

/// Adds to a chunk what another proposal of the same title says beyond it.
fn join(chunk: &mut Proposed, again: &Proposed) {
    let both = chunk.text.chars().count() + again.text.chars().count() + 2;
    if !chunk.text.contains(&again.text) && both <= MAX_TEXT {
        chunk.text = format!("{}\n\n{}", chunk.text, again.text);
    }
    for line in &again.acceptance {
        if !chunk.acceptance.contains(line) && chunk.acceptance.len() < MAX_ACCEPTANCE {
            chunk.acceptance.push(line.clone());
        }
    }
    chunk.files = file_hints(chunk.files.iter().chain(&again.files));
    if chunk.section.is_none() {
        chunk.section.clone_from(&again.section);
    }
}

/// Sections by what a model may call them.
struct Headings<'a> {
    by_name: BTreeMap<String, &'a [String]>,
}

impl<'a> Headings<'a> {
    fn new(spec: &'a Spec) -> Self {
        let mut by_name = BTreeMap::new();
        for section in &spec.sections {
            let path = section.headings.as_slice();
            let Some(last) = path.last() else { continue };
            for name in [
                last.clone(),
                path.join(" "),
                path.get(1..).unwrap_or_default().join(" "),
            ] {
                by_name.entry(normal_title(&name)).or_insert(path);
            }
        }
        Self { by_name }
    }

    /// The headings of a section, outermost first; none where there is no such section.
    fn find(&self, name: Option<&str>) -> Vec<String> {
        let found = name.and_then(|name| self.by_name.get(&normal_title(name)));
        found.map_or_else(Vec::new, |path| path.to_vec())
    }
}
