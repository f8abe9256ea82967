use super::*;
use std::collections::BTreeSet;

/// One event of every kind, in the order of the list.
fn samples() -> Vec<EventKind> {
    vec![
        EventKind::RunStarted {
            version: "t".into(),
            root: "t".into(),
            engine: "t".into(),
            forge: "t".into(),
            sandbox: "t".into(),
        },
        EventKind::Planned {
            specs: 1,
            chunks: 1,
            done: 1,
        },
        EventKind::PlanningStarted {
            path: "t".into(),
            model: "t".into(),
        },
        EventKind::PlanningFinished {
            path: "t".into(),
            model: "t".into(),
            outcome: "t".into(),
            chunks: 1,
            kept: 1,
            replanned: true,
            usage: Usage::default(),
            cost: Cost::Usd(0.5),
        },
        EventKind::Warning {
            message: "t".into(),
        },
        EventKind::SpecRejected {
            path: "t".into(),
            line: 1,
            message: "t".into(),
        },
        EventKind::SpecStarted {
            path: "t".into(),
            title: "t".into(),
            branch: "t".into(),
            base: "t".into(),
            done: 1,
            total: 1,
            interrupted: 1,
            retried: 1,
            failed: 1,
            waiting: 1,
            next: Some("t".into()),
            next_title: Some("t".into()),
        },
        EventKind::SpecSynced {
            commit: "abc".into(),
        },
        EventKind::LaneAdopted {
            branch: "t".into(),
            tip: "abc".into(),
        },
        EventKind::BaselineStarted {},
        EventKind::BaselineFinished {
            verdict: "t".into(),
        },
        EventKind::SuiteStarted { part: 1 },
        EventKind::SuiteFinished {
            part: 1,
            verdict: "t".into(),
        },
        EventKind::TestsSeenRed { tests: 1 },
        EventKind::TestsNotRed { why: "t".into() },
        EventKind::ChunkStarted {
            title: "t".into(),
            attempt: 1,
        },
        EventKind::EngineStarted {
            engine: "t".into(),
            fixes: 1,
        },
        EventKind::EngineOut {
            engine: "t".into(),
            until: Some(DateTime::UNIX_EPOCH),
            why: "t".into(),
        },
        EventKind::EngineStep { step: "t".into() },
        EventKind::EngineUsage {
            usage: Usage::default(),
            cost: Cost::Usd(0.5),
        },
        EventKind::EngineEnded {
            outcome: "t".into(),
            usage: Usage::default(),
            cost: Cost::Usd(0.5),
        },
        EventKind::ReviewStarted {
            engine: "t".into(),
            round: 1,
        },
        EventKind::ReviewFinished {
            engine: "t".into(),
            remarks: Some(2),
            high: 1,
            usage: Usage::default(),
            cost: Cost::Usd(0.5),
        },
        EventKind::CheckStarted { name: "t".into() },
        EventKind::CheckFinished {
            name: "t".into(),
            verdict: "t".into(),
            millis: 1,
        },
        EventKind::SandboxRefused {
            what: "t".into(),
            hosts: vec!["t".into(), "t".into()],
            hint: Some("t".into()),
        },
        EventKind::ChunkCommitted {
            title: "t".into(),
            commit: "abc".into(),
            part: 1,
            lines: 1,
        },
        EventKind::ChunkStopped {
            title: "t".into(),
            status: "t".into(),
            reason: "t".into(),
        },
        EventKind::ChunkReset { why: "t".into() },
        EventKind::Moved {
            verb: "t".into(),
            who: "t".into(),
            status: "t".into(),
        },
        EventKind::MoveRefused {
            verb: "t".into(),
            who: "t".into(),
            why: "t".into(),
        },
        EventKind::WorkSaved {
            reference: "t".into(),
        },
        EventKind::Pushed {
            branch: "t".into(),
            tip: "abc".into(),
        },
        EventKind::PushFailed {
            branch: "t".into(),
            failure: Some(PushFailureKind::Auth),
            message: "t".into(),
            remedy: "t".into(),
        },
        EventKind::PrPut {
            part: 1,
            branch: "t".into(),
            state: "t".into(),
            url: Some("t".into()),
        },
        EventKind::PrFailed {
            part: 1,
            message: "t".into(),
        },
        EventKind::IssueCommented { issue: 1 },
        EventKind::SpecFinished { done: 1, total: 1 },
        EventKind::Repaired { what: "t".into() },
        EventKind::Waiting {
            until: DateTime::UNIX_EPOCH,
            why: "t".into(),
        },
        EventKind::RunFinished {
            exit: ExitCode::Done,
            committed: 1,
            stopped: 1,
            undelivered: 1,
        },
    ]
}

fn event(kind: EventKind) -> Event {
    Event {
        seq: 7,
        ts: DateTime::UNIX_EPOCH,
        run: "r".into(),
        spec: None,
        chunk: Some("c".into()),
        kind,
    }
}

#[test]
fn the_list_of_kinds_is_the_enum() {
    // serde's own message lists every variant it knows, which is the enum itself.
    let said = serde_json::from_str::<EventKind>(r#"{"kind":"?","payload":{}}"#)
        .unwrap_err()
        .to_string();
    let known: BTreeSet<&str> = said.split('`').skip(3).step_by(2).collect();
    assert_eq!(known, EVENT_KINDS.into_iter().collect::<BTreeSet<_>>());
    let named: Vec<&str> = samples().iter().map(EventKind::name).collect();
    assert_eq!(named, EVENT_KINDS);
}

#[test]
fn every_kind_survives_the_wire() {
    for kind in samples() {
        let event = event(kind);
        let value = serde_json::to_value(&event).unwrap();
        assert_eq!(value["kind"], event.kind.name());
        assert!(value["payload"].is_object(), "{value}");
        assert!(value.get("spec").is_none(), "{value}");
        let tagged = serde_json::to_value(&event.kind).unwrap();
        assert_eq!(tagged["kind"], event.kind.name());
        let line = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
    }
}

#[test]
fn a_start_as_earlier_versions_recorded_it_is_read() {
    let line = r#"{"seq":7,"ts":"2026-01-02T03:04:05Z","run":"r","spec":"s","kind":"spec_started","payload":{"path":"p","title":"t","branch":"b","base":"main","done":1,"total":2}}"#;
    let event: Event = serde_json::from_str(line).unwrap();
    assert!(matches!(
        event.kind,
        EventKind::SpecStarted {
            interrupted: 0,
            next: None,
            ..
        }
    ));
}

#[test]
fn a_failed_push_as_earlier_versions_recorded_it_is_read() {
    let line = r#"{"seq":7,"ts":"2026-01-02T03:04:05Z","run":"r","spec":"s","kind":"push_failed","payload":{"branch":"b","message":"m"}}"#;
    let event: Event = serde_json::from_str(line).unwrap();
    let EventKind::PushFailed {
        failure, remedy, ..
    } = event.kind
    else {
        panic!("{event:?}")
    };
    assert_eq!((failure, remedy.as_str()), (None, ""));
}

#[test]
fn refusals_say_what_is_wrong() {
    for (rest, says) in [
        (
            r#""kind":"tomorrow","payload":{}"#,
            "unknown event kind `tomorrow`",
        ),
        (
            r#""kind":"warning","payload":{"message":"m","more":1}"#,
            "unknown field `more`",
        ),
        (
            r#""kind":"warning","payload":{}"#,
            "missing field `message`",
        ),
        (
            r#""kind":"warning","payload":{"message":"m"},"x":1"#,
            "unknown field `x`",
        ),
        (r#""kind":"warning""#, "missing field `payload`"),
    ] {
        let line = format!(r#"{{"seq":7,"ts":"2026-01-02T03:04:05Z","run":"r",{rest}}}"#);
        let error = serde_json::from_str::<Event>(&line)
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{line}: {error}");
    }
}

#[test]
fn every_text_is_found() {
    for mut kind in samples() {
        for text in kind.texts_mut() {
            *text = "seen".into();
        }
        let line = serde_json::to_string(&kind).unwrap();
        assert!(!line.contains(r#""t""#), "{line}");
    }
}
