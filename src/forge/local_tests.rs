use super::*;
use crate::forge::contract::{self, Bench, now, request};
use std::os::unix::fs::MetadataExt;
use tempfile::TempDir;

struct Files {
    dir: TempDir,
    forge: LocalForge,
}

impl Files {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let forge = LocalForge::new(dir.path());
        Self { dir, forge }
    }

    fn read(&self, n: u64) -> String {
        std::fs::read_to_string(self.forge.file(n)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.dir.path().join(DIR).join(name);
        atomic::create_dir_all_durable(path.parent().unwrap()).unwrap();
        atomic::write(&path, text.as_bytes()).unwrap();
    }

    fn put(&self, r: &PrRequest) -> Result<ForgePr, ForgeError> {
        now(self.forge.put(r)).map(|put| put.pr)
    }
}

impl Bench for Files {
    fn forge(&self) -> &dyn Forge {
        &self.forge
    }

    fn snapshot(&self) -> Vec<String> {
        let numbers = self.forge.numbers().unwrap();
        let look = |n| {
            let meta = std::fs::metadata(self.forge.file(n)).unwrap();
            // A rewritten file has another inode, whatever the clock's resolution.
            format!(
                "{n} {} {:?} {}",
                meta.ino(),
                meta.modified().unwrap(),
                self.read(n)
            )
        };
        numbers.into_iter().map(look).collect()
    }

    fn body(&self, pr: &ForgePr) -> String {
        let text = std::fs::read_to_string(self.forge.path_of(&pr.url)).unwrap();
        parse(&text).unwrap().1.to_owned()
    }

    fn title(&self, pr: &ForgePr) -> String {
        parse(&self.read(pr.number)).unwrap().0.title
    }

    fn person_writes(&self, pr: &ForgePr, before: &str, after: &str) {
        let text = self.read(pr.number);
        let (_, rest) = parse(&text).unwrap();
        let front = &text[..text.len() - rest.len()];
        self.write(
            &format!("{}.md", pr.number),
            &format!("{front}\n{before}\n{rest}\n{after}\r\n"),
        );
    }
}

#[test]
fn keeps_the_contract() {
    contract::check(&Files::new());
}

#[test]
fn file_shape() {
    let files = Files::new();
    let pr = files.put(&request("codelicious/todo")).unwrap();
    assert_eq!(pr.url, ".codelicious/prs/1.md");
    insta::assert_snapshot!(files.read(1), @r#"
    ---
    number: 1
    head: "codelicious/todo"
    base: "main"
    state: draft
    title: "Title of codelicious/todo"
    ---

    <!-- codelicious:begin -->
    first body
    <!-- codelicious:end -->
    "#);
}

#[test]
fn a_person_may_edit_by_hand() {
    let files = Files::new();
    files.write(
        "7.md",
        "---\r\nhead: codelicious/todo\r\nbase: main\r\nstate: ready\r\ntitle: mine\r\nreviewer: ann\r\n---\r\nno markers here\r\n",
    );
    let pr = files.put(&request("codelicious/todo")).unwrap();
    assert_eq!((pr.number, pr.state), (7, PrState::Ready));
    let text = files.read(7);
    assert!(
        text.contains("\nreviewer: ann\n---\nno markers here\n\n<!-- codelicious:begin -->"),
        "{text}"
    );
    assert_eq!(
        files.put(&request("codelicious/other")).unwrap().number,
        8,
        "numbers go on after the highest"
    );
}

#[test]
fn what_is_over_stays_as_it_is() {
    for (word, state) in [("merged", PrState::Merged), ("closed", PrState::Closed)] {
        let files = Files::new();
        files.put(&request("h")).unwrap();
        files.write(
            "1.md",
            &files
                .read(1)
                .replace("state: draft", &format!("state: {word}")),
        );
        let before = files.snapshot();
        let mut again = request("h");
        again.body = "later".to_owned();
        again.ready = true;
        assert_eq!(files.put(&again).unwrap().state, state);
        assert_eq!(files.snapshot(), before);
    }
}

#[test]
fn damaged_files_stop_only_what_they_may_be_about() {
    let good = "---\nhead: h\nbase: main\nstate: draft\ntitle: t\n---\n";
    for (damaged, says) in [
        ("", "1.md:1: the first line is not `---`"),
        ("---\nhead: x\n", "1.md:2: the closing `---` is missing"),
        ("---\nhead: x\n---\n", "1.md:3: `base:` is missing"),
        (
            "---\nstate: open\n---\n",
            "1.md:2: the state is `open`, not draft, ready, merged or closed",
        ),
        ("---\nhead: \"x\n---\n", "1.md:2: the quoted text is broken"),
    ] {
        let files = Files::new();
        files.write("1.md", damaged);
        files.write("2.md", good);
        assert_eq!(
            now(files.forge.find("h")).unwrap().unwrap().number,
            2,
            "{damaged:?}"
        );
        let error = files.put(&request("new")).unwrap_err();
        assert!(
            error.message.contains(says),
            "{damaged:?}: {}",
            error.message
        );
        assert!(error.message.contains("repair the file") && !error.is_transient());
        assert_eq!(
            files.read(1),
            damaged,
            "what cannot be read is not written over"
        );
    }
}

#[test]
fn other_files_are_not_pull_requests() {
    let files = Files::new();
    for name in ["README.md", "01.md", "1.md.bak", "-1.md", "+3.md", ".tmp-1"] {
        files.write(name, "---\nnot ours");
    }
    assert_eq!(files.put(&request("h")).unwrap().number, 1);
}

#[test]
fn planted_links_are_not_followed() {
    let files = Files::new();
    files.write("2.md", "");
    let secret = files.dir.path().join("secret");
    atomic::write(
        &secret,
        b"---\nhead: h\nbase: b\nstate: draft\ntitle: t\n---\nsecret",
    )
    .unwrap();
    std::fs::remove_file(files.forge.file(2)).unwrap();
    std::os::unix::fs::symlink(&secret, files.forge.file(2)).unwrap();
    assert!(
        now(files.forge.find("h"))
            .unwrap_err()
            .message
            .contains("not a regular file")
    );

    let outside = tempfile::tempdir().unwrap();
    let files = Files::new();
    std::fs::create_dir(files.dir.path().join(".codelicious")).unwrap();
    std::os::unix::fs::symlink(outside.path(), files.forge.dir()).unwrap();
    assert!(
        files
            .put(&request("h"))
            .unwrap_err()
            .message
            .contains("not a folder")
    );
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}
