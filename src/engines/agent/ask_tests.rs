//! Asking for a plan, with scripted models.

use super::*;
use crate::engines::agent::replay::{Cassette, ReplayModel};
use crate::engines::charge::answer_began;
use crate::model::{Cost, Price, Spec, SpecId, Usage};
use crate::ports::{LocalBoxFuture, StopHandle};
use crate::spec::{ParseOptions, parse};
use serde_json::json;
use std::cell::RefCell;

const TEXT: &str = "# Shop\n\n## Cart\n\nOne can put things in.\n";

/// A model that keeps what it was asked, and may raise a stop when it is.
struct Spy {
    inner: ReplayModel,
    asked: RefCell<Vec<ChatRequest>>,
    cut: bool,
    /// Its answer begins, whatever comes of it.
    begins: bool,
    stops: Option<StopHandle>,
    /// Dollars for a million tokens of any kind, and the longest reply.
    costs: Option<(Option<f64>, u64)>,
}

impl Spy {
    fn of(tape: &str) -> Self {
        Self {
            inner: ReplayModel::new(Cassette::parse("tape", tape).unwrap()),
            asked: RefCell::default(),
            cut: false,
            begins: false,
            stops: None,
            costs: None,
        }
    }
}

impl ChatModel for Spy {
    fn model(&self) -> &str {
        self.inner.model()
    }
    fn max_output(&self) -> Option<u64> {
        self.costs.map(|(_, output)| output)
    }
    fn price(&self) -> Option<Price> {
        let (dollars, _) = self.costs?;
        dollars.map(|all| Price {
            input: all,
            cached: all,
            output: all,
        })
    }
    fn context(&self) -> Option<u64> {
        None
    }
    fn reply<'a>(
        &'a self,
        request: &'a ChatRequest,
    ) -> LocalBoxFuture<'a, Result<ChatReply, EngineError>> {
        self.asked.borrow_mut().push(request.clone());
        if let Some(handle) = &self.stops {
            handle.raise();
        }
        Box::pin(async move {
            if self.begins {
                answer_began();
            }
            let reply = self.inner.reply(request).await?;
            Ok(match self.cut {
                true => ChatReply {
                    finish: Finish::Cut,
                    ..reply
                },
                false => reply,
            })
        })
    }
}

fn bounds() -> AskBounds {
    AskBounds {
        windows: Windows::default(),
        timeout: Duration::from_secs(600),
        stall: Duration::from_secs(60),
        allowance: Allowance::default(),
    }
}

fn asked(model: &Spy, text: &str, bounds: AskBounds, stop: StopSignal) -> Asked {
    let options = ParseOptions {
        prose: true,
        ..ParseOptions::default()
    };
    let spec: Spec = parse(SpecId::new("s"), "s.md", text.as_bytes(), options).unwrap();
    let subject = Subject {
        spec: &spec,
        text,
        hash: "0",
        before: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(ask_plan(model, subject, bounds, stop))
}

fn ask(model: &Spy) -> Asked {
    let (_handle, stop) = StopSignal::new();
    asked(model, TEXT, bounds(), stop)
}

fn titles(asked: &Asked) -> Vec<String> {
    let draft = asked.planned.as_ref().unwrap();
    draft.titles().map(str::to_owned).collect()
}

fn call(title: &str) -> String {
    json!({"chunk": "plan", "usage": {"input": 100, "output": 10}, "cost_usd": 0.5, "calls": [{"name": "propose_chunks",
        "arguments": {"chunks": [{"title": title, "description": "d"}]}}]})
    .to_string()
}

fn says(text: &str) -> String {
    json!({"chunk": "plan", "text": text, "cost_usd": 0.25}).to_string()
}

#[test]
fn a_plan_is_asked_for_once() {
    let model = Spy::of(&call("Add a cart"));
    let got = ask(&model);
    assert_eq!(titles(&got), ["Add a cart"]);
    assert_eq!((got.spent.asks, got.spent.cost), (1, Cost::Usd(0.5)));
    assert_eq!(got.spent.usage.output, Some(10));
    let asked = model.asked.borrow();
    assert_eq!(asked[0].title, "Plan s.md");
    let tools: Vec<&str> = asked[0].tools.iter().map(|t| t.name).collect();
    assert_eq!(tools, [PLAN_TOOL]);
}

#[test]
fn an_object_in_words_counts_where_nothing_was_called() {
    let model = Spy::of(&says(
        r#"So: {"chunks": [{"title": "A", "description": "b"}]}"#,
    ));
    assert_eq!(titles(&ask(&model)), ["A"]);
}

#[test]
fn a_bad_answer_is_sent_back_once_with_what_is_wrong() {
    let model = Spy::of(&format!("{}\n{}", call(" "), call("Add a cart")));
    let got = ask(&model);
    assert_eq!(titles(&got), ["Add a cart"]);
    assert_eq!((got.spent.asks, got.spent.cost), (2, Cost::Usd(1.0)));
    let asked = model.asked.borrow();
    let [
        _,
        ChatMessage::Assistant { calls, .. },
        ChatMessage::ToolResult {
            id,
            content,
            is_error,
        },
    ] = asked[1].messages.as_slice()
    else {
        panic!("{:?}", asked[1].messages)
    };
    assert!(*is_error && calls[0].id == *id);
    assert!(content.contains("chunk 0: `title`"), "{content}");

    let model = Spy::of(&format!(
        "{}\n{}\n{}",
        says("Sure!"),
        says("No."),
        call("A")
    ));
    let got = ask(&model);
    assert!(matches!(got.planned, Err(PlanningError::Malformed(_))));
    assert_eq!((got.spent.asks, got.spent.cost), (2, Cost::Usd(0.5)));
    let asked = model.asked.borrow();
    assert!(
        matches!(asked[1].messages.last(), Some(ChatMessage::User(text)) if text.contains(PLAN_TOOL))
    );
}

#[test]
fn answers_that_are_no_single_call_are_none() {
    let two = json!({"chunk": "plan", "calls": [
        {"name": "propose_chunks", "arguments": {"chunks": []}}, {"name": "propose_chunks", "arguments": {"chunks": []}}]});
    let other = json!({"chunk": "plan", "calls": [
        {"name": "complete_chunk", "arguments": {"summary": "s", "confidence": 1, "rationale": "r"}}]});
    for line in [two, other] {
        let got = ask(&Spy::of(&format!("{line}\n{line}")));
        assert!(
            matches!(got.planned, Err(PlanningError::Malformed(_))),
            "{line}"
        );
        assert_eq!(got.spent.cost, Cost::Unknown);
    }
    let cut = Spy {
        cut: true,
        ..Spy::of(&format!("{}\n{}", call("A"), call("A")))
    };
    let why = ask(&cut).planned.unwrap_err().to_string();
    assert!(why.contains("cut off"), "{why}");
    let empty = json!({"chunk": "plan", "calls": [{"name": "propose_chunks", "arguments": {"chunks": []}}]});
    let got = ask(&Spy::of(&empty.to_string()));
    assert_eq!(got.planned, Err(PlanningError::Empty));
}

#[test]
fn errors_of_the_model_end_the_asking() {
    for (kind, cost) in [
        ("auth", Cost::Usd(0.0)),
        ("rate_limited", Cost::Usd(0.0)),
        ("transient", Cost::Unknown),
        ("protocol", Cost::Unknown),
    ] {
        let line = json!({"chunk": "plan", "error": {"kind": kind, "message": "no"}});
        let got = ask(&Spy::of(&line.to_string()));
        assert!(
            matches!(got.planned, Err(PlanningError::Engine(_))),
            "{kind}"
        );
        assert_eq!((got.spent.asks, got.spent.cost), (1, cost), "{kind}");
        let begun = Spy {
            begins: true,
            ..Spy::of(&line.to_string())
        };
        let spent = ask(&begun).spent;
        assert_eq!(spent.cost, Cost::Unknown, "{kind}, in the middle of it");
    }
}

#[test]
fn a_lost_request_leaves_open_what_was_used() {
    let bad = json!({"chunk": "plan", "text": "no plan", "usage": {"input": 100, "output": 10}});
    for (kind, used) in [("auth", Some(110)), ("transient", None)] {
        let line = json!({"chunk": "plan", "error": {"kind": kind, "message": "no"}});
        let got = ask(&Spy::of(&format!("{bad}\n{line}")));
        assert!(matches!(got.planned, Err(PlanningError::Engine(_))));
        assert_eq!(
            (got.spent.asks, got.spent.usage.total()),
            (2, used),
            "{kind}"
        );
    }
}

#[test]
fn silence_and_time_have_their_bounds() {
    let hang = json!({"chunk": "plan", "error": {"kind": "hang"}}).to_string();
    let soon = Duration::from_millis(5);
    let (_handle, stop) = StopSignal::new();
    let silent = AskBounds {
        stall: soon,
        ..bounds()
    };
    let got = asked(&Spy::of(&hang), TEXT, silent, stop.clone());
    assert!(matches!(
        got.planned,
        Err(PlanningError::Engine(EngineError::Stalled { .. }))
    ));
    let short = AskBounds {
        timeout: soon,
        ..bounds()
    };
    let got = asked(&Spy::of(&hang), TEXT, short, stop);
    assert_eq!(got.planned, Err(PlanningError::TimedOut(soon)));
}

#[test]
fn no_more_is_asked_than_what_is_left_pays_for() {
    let allowed = |usd, tokens| AskBounds {
        allowance: Allowance { usd, tokens },
        ..bounds()
    };
    let (dear, free) = (Some((Some(10.0), 100_000)), None);
    for (costs, bounds, asks, says) in [
        (dear, allowed(Some(5.0), None), 1, ""),
        // The request and the longest reply to it come to more than a dollar.
        (dear, allowed(Some(1.0), None), 0, "$1.00 is left"),
        (dear, allowed(None, Some(200_000)), 1, ""),
        (
            dear,
            allowed(None, Some(100_000)),
            0,
            "100000 tokens are left",
        ),
        (
            Some((None, 10)),
            allowed(Some(9.0), None),
            0,
            "is not known",
        ),
        (free, allowed(Some(0.01), Some(1)), 1, ""),
    ] {
        let model = Spy {
            costs,
            ..Spy::of(&call("A"))
        };
        let (_handle, stop) = StopSignal::new();
        let got = asked(&model, TEXT, bounds, stop);
        assert_eq!(got.spent.asks, asks);
        match got.planned {
            Ok(_) => assert_eq!(says, ""),
            Err(PlanningError::Budget(why)) => {
                assert!(!says.is_empty() && why.contains(says), "{why}");
            }
            Err(other) => panic!("{other}"),
        }
    }
    // What the first answer cost is gone when the second one is asked for.
    let model = Spy {
        costs: dear,
        ..Spy::of(&format!("{}\n{}", call(" "), call("A")))
    };
    let (_handle, stop) = StopSignal::new();
    let got = asked(&model, TEXT, allowed(Some(1.2), None), stop);
    assert!(matches!(got.planned, Err(PlanningError::Budget(_))));
    assert_eq!(got.spent.asks, 1);
}

#[test]
fn a_stop_ends_the_asking() {
    let hang = json!({"chunk": "plan", "error": {"kind": "hang"}}).to_string();
    let (handle, stop) = StopSignal::new();
    let model = Spy {
        stops: Some(handle),
        ..Spy::of(&hang)
    };
    let got = asked(&model, TEXT, bounds(), stop.clone());
    assert_eq!(got.planned, Err(PlanningError::Stopped));
    assert_eq!((got.spent.asks, got.spent.cost), (1, Cost::Unknown));
    let got = asked(&model, TEXT, bounds(), stop);
    assert_eq!(
        (got.planned, got.spent.asks),
        (Err(PlanningError::Stopped), 0)
    );
    assert_eq!(got.spent.cost, Cost::Usd(0.0));
}

#[test]
fn long_specs_are_asked_about_piece_by_piece() {
    let section = |n: usize| format!("## Part {n}\n\n{}\n\n", "word ".repeat(100).trim());
    let text: String = (1..=2).map(section).collect();
    let line = |window: usize, chunks: serde_json::Value| {
        json!({"chunk": "plan", "attempt": window, "usage": {"input": 1, "output": 1}, "calls": [
            {"name": "propose_chunks", "arguments": {"chunks": chunks}}]})
        .to_string()
    };
    let first = line(1, json!([{"title": "A", "description": "a"}]));
    let second = json!([{"title": "a", "description": "a"}, {"title": "B", "description": "b", "depends_on": [0]}]);
    let model = Spy::of(&format!("{first}\n{}", line(2, second)));
    let narrow = AskBounds {
        windows: Windows {
            size_tokens: 160,
            overlap_tokens: 0,
            max: 2,
        },
        ..bounds()
    };
    let (_handle, stop) = StopSignal::new();
    let got = asked(&model, &text, narrow, stop.clone());
    assert_eq!(titles(&got), ["A", "B"]);
    assert_eq!(
        got.spent.usage,
        Usage {
            input: Some(2),
            cached: None,
            output: Some(2)
        }
    );
    let asked_for = model.asked.borrow();
    let ChatMessage::User(told) = &asked_for[1].messages[0] else {
        panic!()
    };
    assert!(
        told.contains("Part 2 of 2") && told.contains("\n- A\n"),
        "{told}"
    );
    drop(asked_for);

    let one = AskBounds {
        windows: Windows {
            max: 1,
            ..narrow.windows
        },
        ..narrow
    };
    let got = asked(&model, &text, one, stop);
    assert!(matches!(got.planned, Err(PlanningError::TooLong(_))));
    assert_eq!(
        got.spent.asks, 0,
        "nothing is paid for what cannot be planned"
    );
}
