//! Kiro's dependency graph: waves of task numbers as JSON in a fence of the list itself.
//!
//! A wave is built when those before it are; what is in no wave comes last. A graph that cannot be read, or names tasks
//! that there are not, is told and counts for nothing: then the order of the text holds, which is what Kiro does.

use super::parse::Notes;
use super::text::Lines;
use crate::model::{Rule, Spec, Stage};
use serde_json::Value;
use std::collections::HashMap;

/// What such a graph cannot be without.
const KEY: &str = "\"waves\"";

/// Puts the tasks of `spec`, which `text` says, into its waves, where it has any.
pub(super) fn apply(spec: &mut Spec, text: &str, notes: &mut Notes<'_>) {
    let Some((at, block)) = fenced(text) else {
        return;
    };
    let line = Lines::new(text.as_bytes()).number(at);
    let Some(waves) = waves(block) else {
        notes.warn(
            Rule::UnknownValue,
            line,
            "the task dependency graph cannot be read and is ignored".to_owned(),
            "write `{\"waves\": [{\"id\": 0, \"tasks\": [\"1.1\", \"1.2\"]}]}`",
        );
        return;
    };
    let mut wave_of: HashMap<&str, usize> = HashMap::new();
    for (wave, numbers) in waves.iter().enumerate() {
        for number in numbers {
            wave_of.entry(number).or_insert(wave);
        }
    }
    let last = waves.len();
    let mut known = 0;
    let mut stages: Vec<usize> = Vec::with_capacity(spec.tasks.len());
    for task in &spec.tasks {
        let own = task.label.as_deref().and_then(|l| wave_of.get(l)).copied();
        known += usize::from(own.is_some());
        // A wave may name a task by the one around it.
        let outer = task.parent.map(|parent| stages[parent]);
        stages.push(own.or(outer.filter(|s| *s < last)).unwrap_or(last));
    }
    if known < wave_of.len() {
        notes.warn(
            Rule::UnknownDependency,
            line,
            format!(
                "the task dependency graph names {} tasks that the list lacks",
                wave_of.len() - known
            ),
            "mend the graph, or take it out; until then the tasks are built in their order",
        );
        return;
    }
    for (task, stage) in spec.tasks.iter_mut().zip(stages) {
        task.stage = stage;
    }
    spec.stages = (0..=last)
        .map(|stage| Stage {
            after: stage.checked_sub(1).into_iter().collect(),
            in_turn: false,
        })
        .collect();
}

/// The first fenced block that has such a graph, and where it begins.
fn fenced(text: &str) -> Option<(usize, &str)> {
    let key = text.find(KEY)?;
    let open = text[..key].rfind("```")?;
    let start = open + text[open..].find('\n')? + 1;
    let end = text[start..].find("```").map_or(text.len(), |e| start + e);
    (start <= key && key < end).then(|| (open, &text[start..end]))
}

/// Task numbers by wave: of objects with `tasks`, or of plain lists, with numbers as text or not.
fn waves(block: &str) -> Option<Vec<Vec<String>>> {
    let graph: Value = serde_json::from_str(block).ok()?;
    let waves = graph.get("waves")?.as_array()?;
    let number = |value: &Value| match value {
        Value::String(text) => Some(text.trim_end_matches('.').to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let wave = |wave: &Value| -> Option<Vec<String>> {
        let tasks = wave.get("tasks").unwrap_or(wave).as_array()?;
        tasks.iter().map(number).collect()
    };
    waves.iter().map(wave).collect()
}
