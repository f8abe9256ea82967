//! The page "What survives what" of ARCHITECTURE.md, as the walk holds it to its word.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// How many engine runs a kill at a place costs at most, by place or by what stands before its slash.
pub struct Page(BTreeMap<String, usize>);

impl Page {
    /// Reads the table.
    #[track_caller]
    pub fn read() -> Self {
        let mut places = BTreeMap::new();
        for cells in rows().iter().filter(|cells| cells.len() == 5) {
            let cost: usize = cells[4]
                .parse()
                .unwrap_or_else(|_| panic!("no number: {cells:?}"));
            for place in quoted(&cells[0]) {
                let twice = places.insert(place.clone(), cost);
                assert_eq!(twice, None, "`{place}` stands twice in the table");
            }
        }
        Self(places)
    }

    /// What a kill at a place may cost.
    #[track_caller]
    pub fn cost(&self, place: &str) -> usize {
        let base = place.split('/').next().unwrap_or(place);
        let found = self.0.get(place).or_else(|| self.0.get(base));
        *found.unwrap_or_else(|| panic!("ARCHITECTURE.md does not say what survives `{place}`"))
    }

    /// Every place that was seen is in the table, and nothing else is.
    #[track_caller]
    pub fn check(&self, seen: &BTreeSet<&str>) {
        for place in seen {
            self.cost(place);
        }
        let is_seen = |row: &String| {
            seen.iter()
                .any(|s| *s == row || s.split('/').next() == Some(row.as_str()))
        };
        let gone: Vec<&String> = self.0.keys().filter(|row| !is_seen(row)).collect();
        assert!(
            gone.is_empty(),
            "ARCHITECTURE.md names places that no story comes by: {gone:?}"
        );
    }
}

/// Rows of the page's tables, cell by cell, without their heads.
fn rows() -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let text = fs::read_to_string(path).expect("the page is there");
    let (_, page) = text
        .split_once("## What survives what\n")
        .expect("it has the page");
    let page = page.split_once("\n## ").map_or(page, |(page, _)| page);
    let cells = |line: &str| -> Vec<String> {
        let inner = line.trim_matches('|');
        inner.split('|').map(|c| c.trim().to_owned()).collect()
    };
    let rows = page.lines().filter(|l| l.starts_with("| ")).map(cells);
    rows.filter(|c| !matches!(c[0].as_str(), "place" | "what happens"))
        .collect()
}

fn quoted(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let mut sources = String::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut due = vec![root.join("src"), root.join("tests")];
    while let Some(dir) = due.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                due.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                sources.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let named: Vec<String> = rows()
        .iter()
        .filter(|c| c.len() == 3)
        .flat_map(|c| quoted(&c[2]))
        .collect();
    assert!(named.len() > 10, "{named:?}");
    for name in named {
        assert!(
            sources.contains(&format!("fn {name}(")),
            "there is no test `{name}`"
        );
    }
}
