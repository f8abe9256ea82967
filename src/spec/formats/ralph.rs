//! Ralph loops: `prd.json`, with stories that pass or do not.
//!
//! `{"userStories": [{"id": "US-001", "title": …, "acceptanceCriteria": […], "priority": 1, "passes": false}]}` is the
//! shape of `snarktank/ralph`, whose loop takes the story of the lowest priority number that does not pass. Other loops
//! have a list alone, `[{"category": …, "description": …, "steps": […], "passes": false}]`, or another word for the state.

use crate::model::spec::Words;
use crate::model::{Beside, Diagnostic, DocumentKind, Meaning, Rule, Severity, Spec, TaskMark};
use crate::spec::format::{Confidence, Format};
use crate::spec::json::{Document, Object, Value};
use crate::spec::parse::{Notes, ParseOptions, Source};
use crate::spec::places::{self, Around};
use crate::spec::records::{self, Record};
use crate::spec::text::Lines;

pub(in crate::spec) struct Ralph;

const WORDS: Words = Words {
    open: "false",
    done: "true",
};

impl Format for Ralph {
    fn name(&self) -> &'static str {
        "Ralph"
    }

    fn detect(&self, path: &str, text: Option<&str>) -> Confidence {
        if !places::is_json(path) {
            return Confidence::No;
        }
        let names: Vec<&str> = path.split('/').collect();
        let is_prd = names
            .last()
            .is_some_and(|file| places::is(file, "prd.json"));
        if is_prd && names.contains(&"archive") && text.is_none() {
            return Confidence::NotWork;
        }
        let stories = text.map(|text| stories(text).is_ok_and(|s| s.is_some()));
        match (is_prd, stories) {
            (true, None | Some(true)) => Confidence::Likely,
            // Others call their files so, too; but this one meant to be it.
            (true, Some(false)) if text.is_some_and(means_to_be_one) => Confidence::Likely,
            (false, Some(true)) => Confidence::Looks,
            (true | false, _) => Confidence::No,
        }
    }

    fn beside(&self, path: &str) -> Vec<Beside> {
        Around::of(path)
            .files(DocumentKind::Background, &["progress.txt"])
            .done()
    }

    fn parse(
        &self,
        source: Source<'_>,
        _options: ParseOptions,
        notes: &mut Notes<'_>,
    ) -> Result<Spec, Diagnostic> {
        let lines = Lines::new(source.text.as_bytes());
        let wrong = |line, message: String| {
            Diagnostic {
            rule: Rule::Unreadable,
            severity: Severity::Error,
            path: source.path.to_owned(),
            line,
            message,
            remedy: "write `\"passes\": true` or `false` into every story; `codelicious lint` looks again"
                .to_owned(),
        }
        };
        let stories = match stories(source.text) {
            Ok(Some(stories)) => stories,
            Ok(None) => return Err(wrong(0, "has stories of no known shape".to_owned())),
            Err((line, what)) => return Err(wrong(line, format!("is no JSON: {what}"))),
        };
        let section = records::section(&lines, Vec::new(), stories.value.span());
        let list = stories.list.iter().map(record).collect();
        Ok(records::spec(
            source,
            self.name(),
            stories.project,
            vec![section],
            list,
            notes,
        ))
    }
}

/// Words that a loop's file has, in whatever state it is.
fn means_to_be_one(text: &str) -> bool {
    let words = ["\"userStories\"", "\"passes\""];
    words.iter().any(|word| text.contains(word))
}

struct Stories<'a> {
    project: Option<String>,
    value: Value<'a>,
    list: Vec<Object<'a>>,
}

/// How a story says that it passes: most loops write the first one.
const STATES: [&str; 5] = ["passes", "passed", "complete", "completed", "done"];

/// The stories of a text; None for what is none of Ralph's shapes.
fn stories(text: &str) -> Result<Option<Stories<'_>>, (usize, String)> {
    let root = Document::read(text)?.root();
    let object = root.object();
    let value = match &object {
        Some(object) => ["userStories", "stories", "tasks", "features"]
            .into_iter()
            .find_map(|name| object.get(name)),
        None => Some(root),
    };
    let Some((value, items)) = value.and_then(|value| Some((value, value.array()?))) else {
        return Ok(None);
    };
    let list: Vec<Object<'_>> = items.iter().filter_map(Value::object).collect();
    let is_story = |story: &Object<'_>| {
        let says = |name: &&str| {
            let value = story.get(name);
            value.is_some_and(|v| matches!(v.written(), "true" | "false"))
        };
        // One of a list of stories may lack its state.
        let is_named = story.get("id").is_some() && story.get("acceptanceCriteria").is_some();
        STATES.iter().any(says) || (is_named && object.is_some())
    };
    let project = object.as_ref().map(|o| match o.text("project") {
        project if project.is_empty() => o.text("name"),
        project => project,
    });
    let is_all = !list.is_empty() && list.len() == items.len() && list.iter().all(is_story);
    Ok(is_all.then_some(Stories {
        project: project.filter(|p| !p.is_empty()),
        value,
        list,
    }))
}

fn record(object: &Object<'_>) -> Record {
    let id = object.get("id").and_then(|id| id.name());
    let mut title = object.text("title");
    if title.is_empty() {
        title = object
            .text("description")
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
    }
    let state = STATES.into_iter().find(|name| object.get(name).is_some());
    let state = state.unwrap_or(STATES[0]);
    let mark = match object.get(state).map(|p| p.written()) {
        Some("true") => TaskMark::Done,
        Some("false") | None => TaskMark::Open,
        Some(other) => TaskMark::Noted {
            said: other.to_owned(),
            means: Meaning::Waits,
        },
    };
    let after = if id.is_some() { "id" } else { "description" };
    Record {
        label: id.clone(),
        id,
        text: text(object, &title),
        title,
        span: object.value.span(),
        section: 0,
        parent: None,
        mark,
        site: records::site(object, state, after, WORDS),
        priority: object.get("priority").and_then(|p| p.integer()),
        depends_on: ["dependsOn", "depends_on", "dependencies", "blockedBy"]
            .into_iter()
            .flat_map(|name| object.names(name))
            .collect(),
        files: Vec::new(),
    }
}

/// All that the story says of the work.
fn text(object: &Object<'_>, title: &str) -> String {
    let mut out = title.to_owned();
    let mut add = |heading: &str, body: String| {
        if !body.trim().is_empty() && body != title {
            out.push_str("\n\n");
            out.push_str(heading);
            out.push_str(body.trim());
        }
    };
    add("", object.text("description"));
    add("Steps:\n", object.bullets("steps"));
    add(
        "Acceptance criteria:\n",
        object.bullets("acceptanceCriteria"),
    );
    add("Notes:\n", object.text("notes"));
    out
}
