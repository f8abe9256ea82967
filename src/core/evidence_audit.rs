//! Whether a branch's commits bear out what they say: each one that claims a chunk set that chunk's mark and no
//! other, did work for it, and has evidence that is about these very trees. Judged from what git holds, without
//! ledger, model or clock.

use super::commit_message::{Trailers, parse_trailers};
use super::evidence::{EvidenceError, read};
use crate::model::evidence::{EvidenceDoc, Trees};
use crate::model::{ChunkId, FindingSeverity, Oid, Spec, SpecId, TaskMark, Verdict};
use crate::spec::{self, ParseOptions};
use std::collections::BTreeMap;

/// One commit as git holds it.
#[derive(Clone, Debug)]
pub struct CommitFacts {
    pub commit: Oid,
    pub subject: String,
    pub message: String,
    /// Parents that are there; a shallow clone lacks some.
    pub parents: usize,
    /// True where the clone was cut off here.
    pub is_cut_off: bool,
    /// Specs that the commit changed.
    pub specs: Vec<SpecChange>,
    /// Paths of all that it changed beside them.
    pub others: Vec<String>,
    /// Trees of parent and commit, and the commit's with the specs of the parent.
    pub trees: Option<Trees>,
    pub note: Option<Vec<u8>>,
}

/// A spec before and after a commit.
#[derive(Clone, Debug)]
pub struct SpecChange {
    pub path: String,
    pub id: SpecId,
    /// The text in each parent that has it.
    pub before: Vec<Vec<u8>>,
    pub after: Option<Vec<u8>>,
}

/// What is asked beside what always is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// Ticks that people set are failures.
    pub strict: bool,
    /// A commit of a chunk without evidence is a failure.
    pub require_notes: bool,
}

/// What a commit is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It claims to build a chunk.
    Chunk { spec: SpecId, chunk: ChunkId },
    /// It brings a spec up to date.
    Sync { spec: SpecId },
    /// Somebody's.
    Foreign,
}

/// One commit, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    pub commit: Oid,
    pub subject: String,
    pub kind: Kind,
    /// What is wrong, in sentences; empty where nothing is.
    pub failures: Vec<String>,
    /// What is worth knowing.
    pub notes: Vec<String>,
    /// What the evidence says it came to; None without evidence.
    pub verdict: Option<Verdict>,
}

/// Judges one commit.
pub fn audit(facts: &CommitFacts, rules: Rules) -> Judged {
    let trailers = parse_trailers(&facts.message);
    let mut judged = Judged {
        commit: facts.commit.clone(),
        subject: facts.subject.clone(),
        kind: Kind::Foreign,
        failures: Vec::new(),
        notes: Vec::new(),
        verdict: None,
    };
    if facts.is_cut_off {
        judged.failures.push(
            "the clone is cut off here, so that what it changed cannot be seen: git fetch --unshallow"
                .to_owned(),
        );
        return judged;
    }
    if facts.parents != 1 {
        // A merge is somebody's, whatever words of ours it repeats.
        judged.foreign(facts, rules);
        return judged;
    }
    judged.well_formed(&facts.message, &trailers);
    match (trailers.spec, trailers.chunk, trailers.sync) {
        (Some(spec), Some(chunk), None) => {
            judged.kind = Kind::Chunk {
                spec: spec.clone(),
                chunk: chunk.clone(),
            };
            let is_empty = judged.chunk(facts, &spec, &chunk);
            judged.evidence(facts, rules, &spec, &chunk, is_empty);
        }
        (None, None, Some(spec)) => {
            judged.kind = Kind::Sync { spec: spec.clone() };
            judged.sync(facts, rules, &spec);
        }
        (None, None, None) => judged.foreign(facts, rules),
        (spec, chunk, sync) => {
            let has = [
                ("Codelicious-Spec", spec.is_some()),
                ("Codelicious-Chunk", chunk.is_some()),
                ("Codelicious-Sync", sync.is_some()),
            ];
            let has: Vec<&str> = has
                .iter()
                .filter(|(_, has)| *has)
                .map(|(n, _)| *n)
                .collect();
            judged.failures.push(format!(
                "its trailers say {} and belong to no kind of commit that codelicious makes",
                has.join(" and ")
            ));
        }
    }
    judged
}

impl Judged {
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    fn well_formed(&mut self, message: &str, trailers: &Trailers) {
        let lines = message.lines().filter_map(|line| line.split_once(':'));
        let said: Vec<(String, &str)> = lines
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
            .filter(|(name, _)| name.starts_with("codelicious-"))
            .collect();
        for name in ["spec", "chunk", "part", "verdict", "sync"] {
            let name = format!("codelicious-{name}");
            let values = said.iter().filter(|(n, _)| *n == name).count();
            if values > 1 {
                self.failures
                    .push(format!("it has the trailer {name} {values} times"));
            }
            let is_read = match name.as_str() {
                "codelicious-part" => trailers.part.is_some(),
                "codelicious-verdict" => trailers.verdict.is_some(),
                _ => true,
            };
            if values > 0 && !is_read {
                self.failures.push(format!(
                    "its trailer {name} is not one that codelicious writes"
                ));
            }
        }
    }

    /// Holds a chunk's commit against its spec. True where it changed nothing else.
    fn chunk(&mut self, facts: &CommitFacts, spec: &SpecId, chunk: &ChunkId) -> bool {
        let (task, part) = split(chunk);
        let mut is_set = false;
        for change in &facts.specs {
            let marks = change.marks(spec);
            for (id, mark) in &marks.set {
                let is_ours = change.id == *spec && *id == task && fits(mark, part);
                is_set |= is_ours;
                if !is_ours {
                    self.failures.push(format!(
                        "it marks {id} in {}, which is not its chunk",
                        change.path
                    ));
                }
            }
            for id in &marks.taken {
                self.failures
                    .push(format!("it takes the mark of {id} in {} away", change.path));
            }
            if change.id == *spec && marks.is_reworded {
                self.failures
                    .push(format!("it changes more of {} than its mark", change.path));
            }
        }
        if !is_set {
            self.failures
                .push(format!("it does not set the mark of {spec}:{chunk}"));
        }
        facts.others.is_empty() && facts.specs.iter().all(|s| s.id == *spec)
    }

    fn sync(&mut self, facts: &CommitFacts, rules: Rules, spec: &SpecId) {
        if !facts.others.is_empty() {
            self.failures.push(format!(
                "it says that it only brings {spec} up to date, and changes {}",
                named(&facts.others)
            ));
        }
        self.people(facts, rules);
    }

    fn foreign(&mut self, facts: &CommitFacts, rules: Rules) {
        self.people(facts, rules);
        if facts.note.as_deref().is_some_and(|note| read(note).is_ok()) {
            self.notes
                .push("it has evidence, and no trailers that it could belong to".to_owned());
        }
    }

    /// Marks that people set and took away.
    fn people(&mut self, facts: &CommitFacts, rules: Rules) {
        for change in &facts.specs {
            let marks = change.marks(&change.id);
            for (id, _) in marks.set {
                let words = format!("{id} in {} was ticked by a person", change.path);
                match rules.strict {
                    true => self.failures.push(words),
                    false => self.notes.push(words),
                }
            }
            for id in marks.taken {
                self.notes.push(format!(
                    "the mark of {id} in {} was taken away",
                    change.path
                ));
            }
        }
    }

    fn evidence(
        &mut self,
        facts: &CommitFacts,
        rules: Rules,
        spec: &SpecId,
        chunk: &ChunkId,
        is_empty: bool,
    ) {
        let doc = facts.note.as_deref().map(read);
        let no_change = matches!(&doc, Some(Ok(doc)) if doc.no_change_needed.is_some());
        if is_empty && !no_change {
            self.failures.push(
                "it sets a mark and changes nothing else, and no evidence says that nothing had to be changed"
                    .to_owned(),
            );
        }
        match doc {
            None if rules.require_notes => self.failures.push("no evidence here".to_owned()),
            None => self.notes.push("no evidence here".to_owned()),
            Some(Err(error @ (EvidenceError::Newer { .. } | EvidenceError::Damaged { .. }))) => {
                self.failures
                    .push(format!("its evidence cannot be read: {error}"));
            }
            Some(Ok(doc)) => self.document(&doc, facts, spec, chunk),
        }
    }

    fn document(&mut self, doc: &EvidenceDoc, facts: &CommitFacts, spec: &SpecId, chunk: &ChunkId) {
        self.verdict = Some(doc.verdict);
        if (&doc.spec, &doc.chunk) != (spec, chunk) {
            self.failures.push(format!(
                "its evidence is about {}:{}, not about {spec}:{chunk}",
                doc.spec, doc.chunk
            ));
        }
        let Some(trees) = &facts.trees else {
            self.failures.push("its trees cannot be read".to_owned());
            return;
        };
        if doc.replayed.is_some() {
            self.notes.push(
                "a restack replayed it: its checks ran on what it was before, on another base"
                    .to_owned(),
            );
        }
        let said = doc.replayed.as_ref().unwrap_or(&doc.trees);
        for (what, said, is) in [
            ("parent's tree", &said.before, &trees.before),
            ("tree", &said.after, &trees.after),
            ("tree without the mark", &said.verified, &trees.verified),
        ] {
            if said != is {
                self.failures.push(format!(
                    "its evidence is about another commit: the {what} is {}, and the evidence says {}",
                    is.short(),
                    said.short()
                ));
            }
        }
        match doc.verdict {
            Verdict::Failed => self.failures.push("its verification failed".to_owned()),
            Verdict::Unverified => self.notes.push("no check looked at all of it".to_owned()),
            Verdict::RegressionOnly | Verdict::Proven => {}
        }
        for finding in doc
            .findings
            .iter()
            .filter(|f| f.severity == FindingSeverity::Fail)
        {
            self.failures.push(format!(
                "the audit refused it: {} ({}, {})",
                finding.what,
                finding.rule,
                finding.place()
            ));
        }
    }
}

/// The task of a chunk, and which of its parts it is.
fn split(chunk: &ChunkId) -> (ChunkId, Option<usize>) {
    let part = chunk
        .as_str()
        .rsplit_once('+')
        .and_then(|(task, n)| Some((ChunkId::from(task), n.parse().ok()?)));
    match part {
        Some((task, n)) => (task, Some(n)),
        None => (chunk.clone(), None),
    }
}

/// Whether the mark is the one that a chunk, or this part of a task, sets.
fn fits(mark: &TaskMark, part: Option<usize>) -> bool {
    match (mark, part) {
        (TaskMark::Done, None) => true,
        (TaskMark::Partial { done, .. }, Some(n)) => *done == n,
        // The last part sets the whole task's mark, and which one is last is in the mark that it replaced.
        (TaskMark::Done, Some(_)) => true,
        (TaskMark::Partial { .. }, None) | (TaskMark::Open | TaskMark::Noted { .. }, _) => false,
    }
}

/// How a spec's marks differ.
#[derive(Default)]
struct Marks {
    set: BTreeMap<ChunkId, TaskMark>,
    taken: Vec<ChunkId>,
    /// More than marks changed.
    is_reworded: bool,
}

impl SpecChange {
    fn marks(&self, id: &SpecId) -> Marks {
        let parsed = |bytes: &Vec<u8>| {
            // Sections count as tasks, since marks of prose stand there too.
            let options = ParseOptions {
                prose: true,
                ..ParseOptions::default()
            };
            spec::parse(id.clone(), &self.path, bytes, options).ok()
        };
        let before: Vec<Option<Spec>> = self.before.iter().map(parsed).collect();
        let after = self.after.as_ref().and_then(parsed);
        let was: Vec<BTreeMap<ChunkId, TaskMark>> = before
            .iter()
            .map(|s| s.as_ref().map(marks_of).unwrap_or_default())
            .collect();
        let is = after.as_ref().map(marks_of).unwrap_or_default();
        let mut marks = Marks::default();
        for (id, mark) in &is {
            let stood = was.iter().any(|was| was.get(id) == Some(mark));
            if *mark != TaskMark::Open && !stood {
                marks.set.insert(id.clone(), mark.clone());
            }
        }
        // Taken away where every parent that knows the task had it marked, and it stands there open.
        for (id, mark) in was.iter().flatten() {
            let is_open = is.get(id) == Some(&TaskMark::Open);
            if *mark == TaskMark::Done && is_open && !marks.taken.contains(id) {
                marks.taken.push(id.clone());
            }
        }
        let plain = |bytes: &[u8], spec: &Option<Spec>| {
            spec.as_ref().map(|spec| spec::without_marks(bytes, spec))
        };
        let is_plain = match (self.before.first(), &self.after) {
            (Some(old), Some(new)) => plain(old, &before[0]) == plain(new, &after),
            (None, _) | (_, None) => false,
        };
        marks.is_reworded = !is_plain;
        marks
    }
}

/// What a spec says of each task that has no tasks within, and of each chunk of a model's plan.
fn marks_of(spec: &Spec) -> BTreeMap<ChunkId, TaskMark> {
    let mut marks: BTreeMap<ChunkId, TaskMark> = spec
        .work()
        .map(|t| (t.id.clone(), t.mark.clone()))
        .collect();
    for chunk in &spec.chunk_marks {
        marks.insert(chunk.id.clone(), spec.chunk_mark(&chunk.id));
    }
    marks
}

fn named(paths: &[String]) -> String {
    const MOST: usize = 3;
    let mut words = paths[..paths.len().min(MOST)].join(", ");
    if paths.len() > MOST {
        words.push_str(&format!(" and {} more", paths.len() - MOST));
    }
    words
}

#[cfg(test)]
#[path = "evidence_audit_tests.rs"]
mod tests;
