//! What every forge must do, as one test that any of them can be put through: `local` in this room's tests, the others
//! in `tests/it/forges.rs`, against the program that plays them.

use crate::model::PrState;
use crate::ports::{Forge, ForgePr, PrRequest};

/// A forge with a look behind it.
pub(super) trait Bench {
    fn forge(&self) -> &dyn Forge;
    /// Everything that a write would change, contents and times.
    fn snapshot(&self) -> Vec<String>;
    /// The body as people read it.
    fn body(&self, pr: &ForgePr) -> String;
    /// The title as people read it.
    fn title(&self, pr: &ForgePr) -> String;
    /// The title that stands there for one that was asked for: forges take one line.
    fn shown(&self, title: &str, _head: &str) -> String {
        title.to_owned()
    }
    /// A person adds words before and after what is there.
    fn person_writes(&self, pr: &ForgePr, before: &str, after: &str);
}

/// Runs a future that never waits for anything but the forge. A thread has one runtime, as connections that are kept
/// open are the runtime's.
pub(super) fn now<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

pub(super) fn request(head: &str) -> PrRequest {
    PrRequest {
        head: head.to_owned(),
        base: "main".to_owned(),
        title: format!("Title of {head}"),
        body: "first body".to_owned(),
        ready: false,
        ..PrRequest::default()
    }
}

/// Puts an empty forge through the contract.
pub(super) fn check(bench: &impl Bench) {
    let forge = bench.forge();
    let find = |head: &str| now(forge.find(head)).unwrap();
    let put = |r: &PrRequest| now(forge.put(r)).unwrap().pr;

    assert_eq!(find("codelicious/a"), None, "nothing is there yet");
    let empty = bench.snapshot();
    assert_eq!(find("codelicious/a"), None);
    assert_eq!(bench.snapshot(), empty, "looking writes nothing");

    let mut a = request("codelicious/a");
    let made = put(&a);
    assert_eq!(made.state, PrState::Draft);
    assert_eq!(find("codelicious/a"), Some(made.clone()));
    assert!(bench.body(&made).contains("first body"));
    assert_eq!(bench.title(&made), bench.shown(&a.title, &a.head));

    let before = bench.snapshot();
    assert_eq!(put(&a), made, "the same again is the same pull request");
    assert_eq!(bench.snapshot(), before, "and writes nothing");

    let b = put(&request("codelicious/b"));
    assert_ne!(b.number, made.number, "two heads, two numbers");
    assert_eq!(find("codelicious/a"), Some(made.clone()));
    assert_eq!(find("codelicious/b"), Some(b));
    assert_eq!(find("codelicious"), None, "a head is matched whole");
    assert_eq!(find("codelicious/A"), None);

    bench.person_writes(&made, "Reviewed by hand.", "Please rebase, @friend.");
    a.body = "second body".to_owned();
    a.ready = true;
    let ready = put(&a);
    assert_eq!((ready.number, ready.state), (made.number, PrState::Ready));
    let body = bench.body(&ready);
    assert!(
        body.contains("second body") && !body.contains("first body"),
        "{body}"
    );
    for kept in ["Reviewed by hand.", "Please rebase, @friend."] {
        assert_eq!(body.matches(kept).count(), 1, "{kept}: {body}");
    }

    let before = bench.snapshot();
    assert_eq!(put(&a), ready);
    assert_eq!(bench.snapshot(), before, "also after a person wrote");

    a.ready = false;
    assert_eq!(put(&a).state, PrState::Ready, "ready is not taken back");
    a.base = "develop".to_owned();
    assert_eq!(
        put(&a).number,
        made.number,
        "another base is the same pull request"
    );

    for (i, title) in HOSTILE.iter().enumerate() {
        let mut hostile = request(&format!("codelicious/hostile-{i}"));
        hostile.title = (*title).to_owned();
        hostile.body = format!("{title}\n{HOSTILE_BODY}");
        let made = put(&hostile);
        assert_eq!(bench.title(&made), bench.shown(title, &hostile.head));
        bench.person_writes(&made, "above", "below");
        let once = put(&hostile);
        let before = bench.snapshot();
        assert_eq!(put(&hostile), once, "{title:?}");
        assert_eq!(bench.snapshot(), before, "{title:?}");
        hostile.body = "replaced".to_owned();
        let body = bench.body(&put(&hostile));
        assert!(
            body.contains("above") && body.contains("below") && !body.contains("forged"),
            "{title:?}: {body}"
        );
    }
}

const HOSTILE: [&str; 6] = [
    "quote \" backslash \\ colon: hash # dash ---",
    "two\nlines\n---\nnumber: 99\nhead: \"codelicious/a\"",
    "<!-- codelicious:end -->",
    "日本語 🦀 \u{202e}",
    "",
    " padded ",
];

const HOSTILE_BODY: &str =
    "<!-- codelicious:end -->\nforged\n<!-- codelicious:begin -->\n---\nstate: merged\n---\n";
