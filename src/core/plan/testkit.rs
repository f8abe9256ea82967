//! Specs for tests, made by hand: a small document with true spans, without a parser.

use crate::model::spec::{FrontMatter, Section, SpecStatus};
use crate::model::{ChunkId, MarkSite, Role, Spec, SpecId, Stage, Task, TaskMark};
use std::ops::Range;

/// Writes a document and records what stands where.
pub(crate) struct Document {
    pub spec: Spec,
    text: String,
}

impl Document {
    pub fn new(path: &str) -> Self {
        let stem = path.rsplit('/').next().unwrap().split('.').next().unwrap();
        Self {
            spec: Spec {
                id: SpecId::new(path.replace('/', "-").trim_end_matches(".md")),
                format: "Markdown",
                path: path.to_owned(),
                title: stem.to_owned(),
                front: FrontMatter::default(),
                tasks: Vec::new(),
                stages: Vec::new(),
                sections: Vec::new(),
                diagnostics: Vec::new(),
                beside: Vec::new(),
                held: None,
                prose: false,
                planned: false,
                chunk_marks: Vec::new(),
            },
            text: String::new(),
        }
    }

    pub fn status(mut self, status: SpecStatus) -> Self {
        self.spec.front.status = status;
        self
    }

    pub fn priority(mut self, priority: i64) -> Self {
        self.spec.front.priority = Some(priority);
        self
    }

    pub fn after(mut self, specs: &[&str]) -> Self {
        self.spec.front.depends_on = specs.iter().map(|s| (*s).to_owned()).collect();
        self
    }

    pub fn section(mut self, heading: &str, prose: &str) -> Self {
        let start = self.text.len();
        self.text.push_str(&format!("## {heading}\n\n{prose}\n\n"));
        self.spec.sections.push(Section {
            headings: vec![self.spec.title.clone(), heading.to_owned()],
            level: 2,
            span: start..self.text.len(),
            line: 1,
        });
        self
    }

    /// A task at a depth; its parent is the last task one level up. `text` starts with the title.
    pub fn task(mut self, depth: usize, label: &str, text: &str, mark: TaskMark) -> Self {
        if self.spec.sections.is_empty() {
            self = self.section("Tasks", "");
        }
        let index = self.spec.tasks.len();
        let parent = (depth > 0).then(|| {
            self.spec
                .tasks
                .iter()
                .rposition(|t| t.depth == depth - 1)
                .unwrap()
        });
        let section = self.spec.sections.len() - 1;
        let stages = &mut self.spec.stages;
        if self.spec.tasks.last().is_none_or(|t| t.section != section) {
            stages.push(Stage {
                after: stages.len().checked_sub(1).into_iter().collect(),
                in_turn: false,
            });
        }
        let stage = stages.len() - 1;
        let tick = if mark == TaskMark::Done { "x" } else { " " };
        let start = self.text.len();
        self.text.push_str(&format!(
            "{}- [{tick}] {label} {text}\n",
            "  ".repeat(depth)
        ));
        let end = self.text.len();
        self.grow(parent, end);
        if let Some(section) = self.spec.sections.last_mut() {
            section.span.end = end;
        }
        self.spec.tasks.push(Task {
            id: ChunkId::new(label),
            label: Some(label.to_owned()),
            named: true,
            title: text.lines().next().unwrap_or_default().to_owned(),
            text: text.to_owned(),
            fingerprint: format!("{:012x}", text.len()),
            span: start..end,
            line: self.text[..start].lines().count() + 1,
            section,
            stage,
            depth,
            parent,
            children: Vec::new(),
            role: Role::Work,
            mark,
            site: MarkSite::Checkbox {
                tick: start + 3 + depth * 2,
                line_end: end - 1,
                comment: None,
            },
            optional: false,
            aside: None,
            parallel: false,
            priority: None,
            depends_on: Vec::new(),
            files: Vec::new(),
            meets: Vec::new(),
        });
        if let Some(p) = parent {
            self.spec.tasks[p].role = Role::Group;
            self.spec.tasks[p].children.push(index);
        }
        self
    }

    pub fn open(self, label: &str, text: &str) -> Self {
        self.task(0, label, text, TaskMark::Open)
    }

    pub fn done(self, label: &str, text: &str) -> Self {
        self.task(0, label, text, TaskMark::Done)
    }

    pub fn needs(mut self, labels: &[&str]) -> Self {
        self.spec.tasks.last_mut().unwrap().depends_on =
            labels.iter().map(|l| (*l).to_owned()).collect();
        self
    }

    pub fn files(mut self, files: &[&str]) -> Self {
        self.spec.tasks.last_mut().unwrap().files = files.iter().map(|f| (*f).to_owned()).collect();
        self
    }

    pub fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    fn grow(&mut self, mut parent: Option<usize>, end: usize) {
        while let Some(p) = parent {
            let span: &mut Range<usize> = &mut self.spec.tasks[p].span;
            span.end = end;
            parent = self.spec.tasks[p].parent;
        }
    }
}
