//! Which spec a vanished one became.

use crate::model::{ChunkId, Spec};
use std::collections::BTreeSet;

/// The candidate that a spec stands at now: the one that holds most of its tasks, and at least half of them,
/// each with the same id and the same text. Ids alone say little, since every other spec begins with `T001`.
/// Among equals the first counts.
pub fn renamed_to<'a>(old: &Spec, candidates: &'a [(String, Spec)]) -> Option<&'a str> {
    let tasks = |spec: &'a Spec| -> BTreeSet<(&'a ChunkId, &'a str)> {
        let tasks = spec.tasks.iter();
        tasks.map(|t| (&t.id, t.fingerprint.as_str())).collect()
    };
    let mut best = None;
    let mut most = 0;
    for (path, spec) in candidates {
        let found = tasks(spec);
        let kept = old.tasks.iter();
        let kept = kept
            .filter(|t| found.contains(&(&t.id, t.fingerprint.as_str())))
            .count();
        if kept > most && kept * 2 >= old.tasks.len() {
            (best, most) = (Some(path.as_str()), kept);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SpecId;
    use crate::spec::{ParseOptions, parse};

    fn spec(text: &str) -> Spec {
        parse(
            SpecId::from("s"),
            "s.md",
            text.as_bytes(),
            ParseOptions::default(),
        )
        .expect("parsed")
    }

    #[test]
    fn table() {
        let old = "- [x] T001 Log in\n- [ ] T002 Log out\n- [ ] T003 Sign up\n- [ ] Unnamed\n";
        let edited =
            "- [x] T001 Log in\n- [x] T002 Log out\n- [ ] T003 Sign up with mail\n- [ ] New\n";
        let stranger = "- [ ] T001 Draw\n- [ ] T002 Paint\n- [ ] T003 Print\n- [ ] T004 Frame\n";
        let barely = "- [ ] T001 Log in\n";
        for (candidates, wanted) in [
            (&[][..], None),
            (&[("a.md", stranger)], None),
            (&[("a.md", barely)], None),
            (&[("a.md", edited)], Some("a.md")),
            (&[("a.md", stranger), ("b.md", edited)], Some("b.md")),
            (&[("a.md", edited), ("b.md", old)], Some("b.md")),
            (&[("a.md", old), ("b.md", old)], Some("a.md")),
        ] {
            let candidates: Vec<(String, Spec)> = candidates
                .iter()
                .map(|(path, text)| ((*path).to_owned(), spec(text)))
                .collect();
            assert_eq!(renamed_to(&spec(old), &candidates), wanted);
        }
        assert_eq!(
            renamed_to(&spec("# Nothing\n"), &[("a.md".into(), spec(old))]),
            None
        );
    }
}
