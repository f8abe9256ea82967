//! Task Master: `.taskmaster/tasks/tasks.json`, before its version 0.16 `tasks/tasks.json`.
//!
//! One list of tasks to a tag, `{"master": {"tasks": […]}}`, or one list alone, `{"tasks": […]}`; subtasks of one level.
//! States and the order by priority are those of its `next` (`find-next-task.js` of `eyaltoledano/claude-task-master`):
//! what is done or completed satisfies a dependency, what is cancelled or deferred does not. A plain number among the
//! dependencies of a subtask is one beside it.

use crate::model::spec::Words;
use crate::model::{
    Aside, Beside, Diagnostic, Document as Read, DocumentKind, Meaning, Rule, Severity, Spec, Task,
    TaskMark,
};
use crate::spec::format::{Confidence, Format};
use crate::spec::json::{Document, Object, Value};
use crate::spec::parse::{Notes, ParseOptions, Source};
use crate::spec::places::{self, Around};
use crate::spec::records::{self, Record};
use crate::spec::text::Lines;

pub(in crate::spec) struct TaskMaster;

const WORDS: Words = Words {
    open: "\"pending\"",
    done: "\"done\"",
};

/// The tag of tasks that were given none.
const MASTER: &str = "master";

/// Levels of subtasks that are read: each is read within the one around it.
const MAX_DEPTH: usize = 8;

impl Format for TaskMaster {
    fn name(&self) -> &'static str {
        "Task Master"
    }

    fn detect(&self, path: &str, text: Option<&str>) -> Confidence {
        if let Some(inside) = places::below(path, ".taskmaster") {
            return match inside.as_slice() {
                ["tasks", file] if places::is(file, "tasks.json") => Confidence::Sure,
                _ => Confidence::NotWork,
            };
        }
        if !places::is_json(path) {
            return Confidence::No;
        }
        let is_legacy = places::ends_with(path, &["tasks", "tasks.json"]);
        let looks = text.is_some_and(|text| !lists(text).unwrap_or_default().is_empty());
        match (is_legacy, looks) {
            (true, _) => Confidence::Likely,
            (false, true) => Confidence::Looks,
            (false, false) => Confidence::No,
        }
    }

    fn beside(&self, path: &str) -> Vec<Beside> {
        let above = path.strip_suffix("tasks/tasks.json").unwrap_or_default();
        let above = above.trim_end_matches('/');
        Around::of(path)
            .files_in(above, DocumentKind::State, &["state.json"])
            .files_in(
                above,
                DocumentKind::Background,
                &["docs/prd.txt", "docs/prd.md"],
            )
            .done()
    }

    /// Task Master works on one tag at a time: the current one, which is `master` where nobody chose.
    fn attend(&self, spec: &mut Spec, documents: &[Read]) {
        let state = documents.iter().find(|d| d.kind == DocumentKind::State);
        let state = match state.map(|s| (s, serde_json::from_str::<serde_json::Value>(&s.text))) {
            Some((document, Err(e))) => {
                spec.held = Some(format!(
                    "{}, which says which tag is worked on, is no JSON: {e}",
                    document.path
                ));
                return;
            }
            Some((_, Ok(state))) => Some(state),
            None => None,
        };
        let chosen = state.as_ref().and_then(|s| s.get("currentTag")?.as_str());
        let tag = |task: &Task| spec.sections[task.section].headings.last().cloned();
        let all: Vec<Option<String>> = spec.tasks.iter().map(tag).collect();
        let is_there = |name: &str| all.iter().any(|t| t.as_deref() == Some(name));
        // A tag that is not there reads as the one that always is.
        let named = chosen
            .into_iter()
            .chain([MASTER])
            .find(|name| is_there(name));
        let current = named
            .map(str::to_owned)
            .or_else(|| all.first().cloned().flatten());
        for (task, tag) in spec.tasks.iter_mut().zip(all) {
            let is_other = tag.is_some() && tag != current;
            if is_other && task.mark != TaskMark::Done && task.aside.is_none() {
                task.aside = tag.map(|name| Aside::OtherList { name });
            }
        }
    }

    fn parse(
        &self,
        source: Source<'_>,
        _options: ParseOptions,
        notes: &mut Notes<'_>,
    ) -> Result<Spec, Diagnostic> {
        // Where it stands, or what it says, it is meant to be one.
        let must_be = self.detect(source.path, None) == Confidence::Sure;
        let means_to = must_be
            || ["\"title\"", "\"status\""]
                .iter()
                .all(|w| source.text.contains(w));
        let wrong = |line, message: String| Diagnostic {
            rule: Rule::Unreadable,
            severity: Severity::Error,
            path: source.path.to_owned(),
            line,
            message,
            remedy: "mend it, or have Task Master write it again".to_owned(),
        };
        let lines = Lines::new(source.text.as_bytes());
        let lists = match lists(source.text) {
            Ok(lists) => lists,
            Err((line, what)) if means_to => {
                return Err(wrong(line, format!("is no JSON: {what}")));
            }
            Err(_) => Vec::new(),
        };
        if let Some((at, what)) =
            odd_list(source.text).filter(|_| must_be || (means_to && lists.is_empty()))
        {
            return Err(wrong(lines.number(at), what));
        }
        if must_be && lists.is_empty() {
            return Err(wrong(0, "has no list called `tasks`".to_owned()));
        }
        let mut reader = Reader {
            lines: &lines,
            notes,
            records: Vec::new(),
            too_deep: None,
        };
        let mut sections = Vec::new();
        for list in &lists {
            let headings = list.tag.iter().cloned().collect();
            sections.push(records::section(&lines, headings, list.tasks.span()));
            reader.list(list, sections.len() - 1);
        }
        if let Some(line) = reader.too_deep {
            let message = format!("has subtasks inside of subtasks, more than {MAX_DEPTH} deep");
            return Err(wrong(line, message));
        }
        let records = reader.records;
        Ok(records::spec(
            source,
            self.name(),
            Some("Task Master".to_owned()),
            sections,
            records,
            notes,
        ))
    }
}

/// The tasks of one tag.
struct List<'a> {
    /// None for the only list of a file without tags.
    tag: Option<String>,
    tasks: Value<'a>,
}

/// The lists of a text; none where it is JSON of another shape.
fn lists(text: &str) -> Result<Vec<List<'_>>, (usize, String)> {
    let root = Document::read(text)?.root();
    let Some(object) = root.object() else {
        // Other programs leave all but the list out.
        let is_one = is_list(&root) && has_states(&root);
        let alone = is_one.then_some(List {
            tag: None,
            tasks: root,
        });
        return Ok(alone.into_iter().collect());
    };
    let mut lists = Vec::new();
    for (name, value) in object.members() {
        let tag = (name != "tasks").then(|| name.to_owned());
        // Some leave out what stands around a tag's list.
        let inner = value.object().and_then(|tag| tag.get("tasks"));
        let tasks = match (&tag, inner) {
            (Some(_), Some(inner)) => inner,
            (None, _) | (Some(_), None) => value,
        };
        let is_bare = tag.is_some() && inner.is_none();
        if is_list(&tasks) && (!is_bare || has_states(&tasks)) {
            lists.push(List { tag, tasks });
        }
    }
    Ok(lists)
}

/// What keeps a list called `tasks` from being one: where, and what.
fn odd_list(text: &str) -> Option<(usize, String)> {
    let root = Document::read(text).ok()?.root();
    let Some(object) = root.object() else {
        return root
            .array()
            .is_none()
            .then(|| (0, "is no object, or names a member twice".to_owned()));
    };
    let members: Vec<_> = object.members().collect();
    members.into_iter().find_map(|(name, value)| {
        let tasks = match name {
            "tasks" => value,
            _ => value.object()?.get("tasks")?,
        };
        let Some(records) = tasks.array() else {
            return Some((tasks.span().start, "`tasks` is no list".to_owned()));
        };
        let record = records.iter().find(|record| !is_task(record))?;
        let what = "a task has no id or no title, or names a member twice";
        Some((record.span().start, what.to_owned()))
    })
}

fn is_task(value: &Value<'_>) -> bool {
    let task = value.object();
    task.is_some_and(|task| task.get("id").is_some() && task.get("title").is_some())
}

/// A list of records that have an id and a title, or none at all.
fn is_list(value: &Value<'_>) -> bool {
    value.array().is_some_and(|tasks| tasks.iter().all(is_task))
}

/// True for records that say what state they are in, which others' lists of things with titles do not.
fn has_states(value: &Value<'_>) -> bool {
    let tasks = value.array().unwrap_or_default();
    let says = |task: &Value<'_>| task.object().is_some_and(|t| t.get("status").is_some());
    !tasks.is_empty() && tasks.iter().all(says)
}

struct Reader<'a, 'n> {
    lines: &'a Lines,
    notes: &'a mut Notes<'n>,
    records: Vec<Record>,
    /// The line of what is nested too deep to be read.
    too_deep: Option<usize>,
}

impl Reader<'_, '_> {
    fn list(&mut self, list: &List<'_>, section: usize) {
        // Ids are unique in a tag; those of the first tag stay what they are when others are added.
        let prefix = match list.tag.as_deref() {
            None | Some(MASTER) => String::new(),
            Some(tag) => format!("{tag}."),
        };
        for task in list.tasks.array().unwrap_or_default() {
            let Some(object) = task.object() else {
                continue;
            };
            let number = object
                .get("id")
                .and_then(|id| id.name())
                .unwrap_or_default();
            let parent = self.records.len();
            let mut record = self.record(&object, section, &prefix, &number);
            record.depends_on = object.names("dependencies");
            self.records.push(record);
            self.subtasks(&object, parent, &prefix, &number, 1);
        }
    }

    /// The subtasks of the record at `parent`. Task Master knows one level of them; people have written more.
    fn subtasks(
        &mut self,
        of: &Object<'_>,
        parent: usize,
        prefix: &str,
        number: &str,
        depth: usize,
    ) {
        let Some(subtasks) = of.get("subtasks") else {
            return;
        };
        if depth > MAX_DEPTH {
            self.too_deep = Some(self.lines.number(subtasks.span().start));
            return;
        }
        let subtasks = subtasks.array();
        for (place, subtask) in subtasks.unwrap_or_default().iter().enumerate() {
            let Some(object) = subtask.object() else {
                continue;
            };
            let own = object.get("id").and_then(|id| id.name());
            let own = own.unwrap_or_else(|| (place + 1).to_string());
            // Older files have the whole number here.
            let own = own.rsplit('.').next().unwrap_or_default();
            let beside = |name: String| match name.contains('.') {
                true => name,
                false => format!("{number}.{name}"),
            };
            let label = format!("{number}.{own}");
            let section = self.records[parent].section;
            let mut record = self.record(&object, section, prefix, &label);
            record.parent = Some(parent);
            // What is of one task is built together.
            record.priority = self.records[parent].priority;
            record.depends_on = object
                .names("dependencies")
                .iter()
                // Some models write several as one text.
                .flat_map(|names| names.split(','))
                .map(|name| beside(name.trim().to_owned()))
                .collect();
            let index = self.records.len();
            self.records.push(record);
            self.subtasks(&object, index, prefix, &label, depth + 1);
        }
    }

    fn record(
        &mut self,
        object: &Object<'_>,
        section: usize,
        prefix: &str,
        number: &str,
    ) -> Record {
        let mut title = object.text("title");
        if title.trim().is_empty() {
            let description = object.text("description");
            title = description.lines().next().unwrap_or("untitled").to_owned();
        }
        Record {
            id: (!number.is_empty()).then(|| format!("{prefix}{number}")),
            label: (!number.is_empty()).then(|| number.to_owned()),
            text: text(object, &title),
            title,
            span: object.value.span(),
            section,
            parent: None,
            mark: self.mark(object),
            site: records::site(object, "status", "id", WORDS),
            priority: rank(&object.text("priority")),
            depends_on: Vec::new(),
            files: object.names("relevantFiles"),
        }
    }

    /// What the status says. One that Task Master does not know is left to people.
    fn mark(&mut self, object: &Object<'_>) -> TaskMark {
        let Some(value) = object.get("status") else {
            return TaskMark::Open;
        };
        let noted = |means| TaskMark::Noted {
            said: value.written().to_owned(),
            means,
        };
        match value.string().unwrap_or_default().as_str() {
            "pending" | "todo" | "" => TaskMark::Open,
            "done" | "completed" => TaskMark::Done,
            "in-progress" => noted(Meaning::Started),
            "cancelled" => noted(Meaning::Cancelled),
            "review" | "deferred" | "blocked" => noted(Meaning::Waits),
            other => {
                self.notes.warn(
                    Rule::UnknownValue,
                    self.lines.number(value.span().start),
                    format!(
                        "`{other}` is no status that Task Master knows, and its task is not built"
                    ),
                    "write pending, in-progress, done, review, deferred, blocked or cancelled",
                );
                noted(Meaning::Waits)
            }
        }
    }
}

/// Task Master's own words: what comes first counts least.
fn rank(priority: &str) -> Option<i64> {
    match priority {
        "critical" => Some(1),
        "high" => Some(2),
        "low" => Some(4),
        // Without one it counts as medium.
        _ => Some(3),
    }
}

/// All that the record says of the work, and none of its state.
fn text(object: &Object<'_>, title: &str) -> String {
    let mut out = title.to_owned();
    let mut add = |heading: &str, body: &str| {
        if !body.trim().is_empty() {
            out.push_str("\n\n");
            out.push_str(heading);
            out.push_str(body.trim());
        }
    };
    add("", &object.text("description"));
    add("Details:\n", &object.text("details"));
    add("Approach:\n", &object.text("implementationApproach"));
    add("Bounds:\n", &object.text("scopeBoundaries"));
    add("Constraints:\n", &object.bullets("technicalConstraints"));
    add(
        "Acceptance criteria:\n",
        &object.bullets("acceptanceCriteria"),
    );
    add("Test strategy:\n", &object.text("testStrategy"));
    out
}
