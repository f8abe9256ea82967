//! The orders that are looked for: a word, and behind it others, each at most so many words further on.
//!
//! A rule is strict where honest specs use the same words: the verb must be an order and not part of a sentence about
//! what a program does, nothing may take it back, and what follows must not make it mean something narrower.

use super::Suspect;

/// Whether somebody is told to do it, or not to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Negated {
    Never,
    Always,
    Either,
}

/// All words in small letters; `*` at the end stands for any ending.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) what: Suspect,
    pub(super) first: &'static [&'static str],
    /// How many words may stand between, and what comes then.
    pub(super) then: &'static [(usize, &'static [&'static str])],
    /// Within two words behind the last: it is about something else.
    pub(super) unless: &'static [&'static str],
    pub(super) orders: bool,
    pub(super) ends: bool,
    pub(super) negated: Negated,
}

impl Rule {
    const fn of(
        what: Suspect,
        first: &'static [&'static str],
        then: &'static [(usize, &'static [&'static str])],
    ) -> Self {
        Self {
            what,
            first,
            then,
            unless: &[],
            orders: true,
            ends: false,
            negated: Negated::Never,
        }
    }

    const fn unless(mut self, words: &'static [&'static str]) -> Self {
        self.unless = words;
        self
    }

    /// Wherever it stands in a sentence.
    const fn anywhere(mut self) -> Self {
        self.orders = false;
        self
    }

    const fn whole(mut self) -> Self {
        self.ends = true;
        self
    }

    const fn forbidding(mut self) -> Self {
        self.orders = false;
        self.negated = Negated::Always;
        self
    }

    const fn either(mut self) -> Self {
        self.orders = false;
        self.negated = Negated::Either;
        self
    }
}

/// What stands before a verb that is an order.
#[rustfmt::skip]
pub(super) const LEADS: &[&str] = &[
    "please", "then", "now", "first", "also", "and", "or", "always", "must", "should", "just", "immediately",
    "instead", "simply", "finally", "next", "you", "will", "shall", "can", "may", "but", "afterwards",
    "important", "todo",
];

/// What takes back what follows it.
#[rustfmt::skip]
pub(super) const NEGATIONS: &[&str] = &[
    "not", "never", "no", "cannot", "without", "avoid*", "reject*", "refus*", "forbid*", "prevent*", "block*",
    "prohibit*", "disallow*", "deny", "denies", "detect*", "nobody", "none", "neither", "nor", "whether",
    "unable",
];

/// What turns down what stands before it.
#[rustfmt::skip]
pub(super) const TURNED_DOWN: &[&str] = &[
    "reject*", "forbid*", "forbidden", "blocked", "refused", "denied", "prohibited", "disallowed", "impossible",
    "fails", "error*", "refuses", "detected",
];

#[rustfmt::skip]
const VERBS_TO_WEAKEN: &[&str] = &[
    "disable", "skip", "delete", "remove", "weaken", "comment", "silence", "mute", "bypass", "circumvent",
    "stub", "xfail", "ignore", "rewrite", "edit", "change", "modify", "relax", "loosen", "turn", "hardcode",
    "drop", "deactivate", "suppress", "quarantine",
];
#[rustfmt::skip]
const CHECKS: &[&str] = &[
    "tests", "checks", "verification", "linter*", "linting", "lint", "ci", "hooks", "suite", "typecheck*",
    "coverage", "pre-commit",
];
#[rustfmt::skip]
const NARROWER: &[&str] = &[
    "for", "in", "on", "when", "where", "if", "of", "with", "rule*", "during", "while", "that", "which",
    "under", "from", "warning*", "by", "unless", "against", "until", "twice", "at", "as", "inside", "covering",
    "related", "before", "after", "job*", "step*", "option*", "flag*", "button*", "and", "to", "mode",
];
#[rustfmt::skip]
const TRUNKS: &[&str] = &[
    "main", "master", "trunk", "production", "prod", "upstream", "default", "origin*", "release",
];
#[rustfmt::skip]
const SENDING: &[&str] = &[
    "exfiltrate", "leak", "reveal", "dump", "upload", "send", "post", "email", "paste", "include", "embed",
    "append", "attach", "print", "echo", "output",
];
#[rustfmt::skip]
const ALL: &[&str] = &[
    "all", "every", "your", "whole", "full", "entire", "complete", "contents", "any", "content", "each", "the",
];
#[rustfmt::skip]
const MACHINES: &[&str] = &[
    "ai", "ais", "llm*", "assistant*", "claude", "codex", "copilot", "chatgpt", "gpt*", "bot", "bots", "model",
    "models", "agent", "agents", "language",
];
#[rustfmt::skip]
const PEOPLE: &[&str] = &[
    "reviewer*", "maintainer*", "human*", "anyone", "anybody", "user", "person", "people", "pull", "pr",
    "summary", "commit", "owner*",
];

use Suspect as S;

#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    Rule::of(S::DropsRules, &["ignore", "disregard", "forget", "discard"], &[
        (4, &["previous", "prior", "preceding", "earlier", "above", "foregoing", "your", "system", "original",
            "former", "initial", "other", "existing"]),
        (2, &["instruct*", "prompt*", "guardrail*", "guideline*", "directive*", "rules", "orders", "constraints",
            "restrictions", "training", "safeguards"])]).anywhere(),
    Rule::of(S::DropsRules, &["ignore", "disregard", "forget"], &[
        (2, &["instruct*", "prompt*", "rules", "guidelines", "everything", "anything", "all"]),
        (2, &["above", "before", "earlier", "previously", "told"])]).whole(),
    Rule::of(S::DropsRules, &["ignore", "disregard", "forget"], &[
        (1, &["everything", "anything", "what", "whatever"]),
        (1, &["you"]),
        (2, &["told", "learned", "instructed", "read", "given"])]),
    Rule::of(S::DropsRules, &["override", "bypass", "violate", "circumvent", "break"], &[
        (3, &["your"]),
        (2, &["instruct*", "guardrail*", "rules", "restrictions", "guidelines", "safety", "training", "programming",
            "limits"])]).anywhere(),
    Rule::of(S::DropsRules, &["follow", "obey", "heed", "respect"], &[
        (3, &["your", "previous", "prior", "system", "original", "earlier", "those"]),
        (2, &["instruct*", "prompt*", "rules", "guideline*", "guardrail*", "restrictions"])]).forbidding(),
    Rule::of(S::DropsRules, &["your"], &[
        (0, &["real", "actual", "true", "new", "only"]),
        (0, &["task", "job", "goal", "objective", "instructions", "mission", "purpose"]),
        (0, &["is", "are"])]).anywhere(),
    Rule::of(S::DropsRules, &["these", "this", "the"], &[
        (1, &["instruct*", "order*", "section", "note", "spec", "paragraph"]),
        (1, &["override*", "supersede*", "outrank*", "replace*"]),
        (4, &["instruct*", "rules", "prompt*", "guideline*", "guardrail*"])]).anywhere(),
    Rule::of(S::DropsRules, &["pretend", "act", "behave", "assume"], &[
        (5, &["no"]),
        (1, &["rules", "restrictions", "guardrail*", "limits", "limitations", "policies"])]).either(),
    Rule::of(S::DropsRules, &["you"], &[
        (0, &["are"]),
        (0, &["now"]),
        (3, &["unrestricted", "jailbroken", "dan", "uncensored", "unfiltered", "root"])]).anywhere(),
    Rule::of(S::DropsRules, &["print", "reveal", "show", "repeat", "output", "leak", "display", "quote", "disclose",
        "dump", "include", "paste"], &[
        (2, &["your"]),
        (2, &["prompt*", "instruct*"])]),
    Rule::of(S::DropsRules, &["reveal", "leak", "repeat", "dump", "disclose", "exfiltrate"], &[
        (3, &["system"]),
        (0, &["prompt*", "instruct*", "message"])]),
    Rule::of(S::WeakensChecks, VERBS_TO_WEAKEN, &[
        (5, &["failing", "failed", "broken", "red", "flaky"]),
        (1, &["test", "tests", "check", "checks", "assertion*", "suite", "specs"])]),
    Rule::of(S::WeakensChecks, VERBS_TO_WEAKEN, &[
        (3, &["test", "tests", "assertion*", "asserts", "expectation*"]),
        (1, &["that", "which", "if", "until", "so", "whenever", "to", "when"]),
        (5, &["fail*", "break*", "red", "pass", "passes", "green", "complain*"])]),
    Rule::of(S::WeakensChecks, &["disable", "skip", "bypass", "circumvent", "deactivate", "switch", "turn",
        "suppress"], &[
        (1, &["all", "the", "any", "every", "our", "your", "off"]),
        (2, CHECKS)]).unless(NARROWER),
    Rule::of(S::WeakensChecks, &["disable", "bypass", "deactivate", "circumvent"], &[
        (0, &["all", "every"]),
        (1, &["tests", "test", "checks", "check", "hooks", "verification", "ci"])]),
    Rule::of(S::WeakensChecks, &["run", "running", "execute", "executing"], &[
        (2, CHECKS)]).forbidding().unless(NARROWER),
    Rule::of(S::WeakensChecks, &["delete", "remove"], &[
        (0, &["all", "every"]),
        (1, &["tests", "test"])]).unless(NARROWER),
    Rule::of(S::WeakensChecks, &["make", "force", "get", "let"], &[
        (3, &["test", "tests", "check", "checks", "suite", "ci"]),
        (1, &["always"]),
        (0, &["pass", "succeed", "green"])]),
    Rule::of(S::WeakensChecks, &["make", "get"], &[
        (3, &["test", "tests", "suite", "ci", "checks"]),
        (1, &["pass", "green"]),
        (2, &["by"]),
        (1, &["hardcod*", "replac*", "delet*", "removing", "skipping", "mocking", "stubbing", "editing", "changing",
            "weakening"])]),
    Rule::of(S::WeakensChecks, &["replace", "swap", "rewrite", "change", "turn"], &[
        (3, &["assert*", "test", "tests", "expectation*", "checks"]),
        (5, &["true", "trivial*", "no-op*", "noop*", "empty"])]),
    Rule::of(S::WeakensChecks, &["commit", "push", "use", "pass", "run", "add", "git"], &[
        (4, &["--no-verify", "no-verify"])]),
    Rule::of(S::Delivers, &["push", "commit", "merge", "force-push", "land"], &[
        (5, &["directly", "straight"]),
        (4, TRUNKS)]),
    Rule::of(S::Delivers, &["push", "commit", "merge"], &[
        (4, TRUNKS),
        (3, &["directly", "yourself", "immediately", "--force", "now", "without"])]),
    Rule::of(S::Delivers, &["push"], &[
        (3, &["--force", "-f", "--mirror"])]),
    Rule::of(S::Delivers, &["force-push"], &[
        (4, &["main", "master", "branch", "origin*", "history", "it", "this", "your"])]),
    Rule::of(S::Delivers, &["git", "run", "execute", "call"], &[
        (1, &["push"]),
        (3, &["main", "master", "head:*", "--force", "-f", "--mirror"])]),
    Rule::of(S::Delivers, &["merge", "approve", "accept"], &[
        (3, &["your", "this", "the", "it"]),
        (3, &["yourself", "own"])]),
    Rule::of(S::Delivers, &["merge", "push", "commit"], &[
        (6, &["without"]),
        (1, &["review", "approval", "asking", "permission", "tests", "checks", "ci", "verification", "waiting"])]),
    Rule::of(S::TakesSecrets, &["print", "dump", "echo", "output", "list", "show", "reveal", "leak", "exfiltrate",
        "upload", "send", "post", "email", "include", "paste", "append", "copy", "write", "log", "put", "embed",
        "attach", "encode"], &[
        (2, ALL),
        (2, &["environment", "env"]),
        (0, &["variable*", "vars", "var"])]).unless(&["used", "needed", "required", "that", "documented",
            "supported", "it", "read", "with", "for", "in", "named", "which", "table", "prefixed", "section", "from",
            "on", "it's", "starting", "reference", "page", "at", "per"]),
    Rule::of(S::TakesSecrets, &["print", "dump", "echo", "leak", "exfiltrate", "upload", "send", "post", "paste",
        "include"], &[
        (2, &["environment", "env"])]).whole(),
    Rule::of(S::TakesSecrets, &["print", "dump", "echo", "leak", "exfiltrate", "upload", "send", "post", "paste"],
        &[
        (2, &["environment", "env", "environment's"]),
        (1, &["to", "into"])]),
    Rule::of(S::TakesSecrets, SENDING, &[
        (2, &["all", "your", "every", "any", "contents", "whatever"]),
        (3, &["secret", "secrets", "credential*", "passwords"])]),
    Rule::of(S::TakesSecrets, SENDING, &[
        (3, &["all", "your", "every", "any", "contents", "the"]),
        (2, &["api", "ssh", "private", "deploy", "signing"]),
        (0, &["key", "keys", "token", "tokens"]),
        (4, &["to", "into", "as", "in"]),
        (4, &["http*", "comment*", "pull", "pr", "commit*", "description", "file", "server", "log*", "url",
            "webhook", "me"])]),
    Rule::of(S::TakesSecrets, &["cat", "print", "dump", "echo", "upload", "post", "send", "exfiltrate", "leak",
        "paste", "reveal", "base64", "encode", "output", "tar", "include", "copy"], &[
        (6, &["~/.ssh*", "$home/.ssh*", "/etc/shadow", "/etc/passwd", "~/.aws/credentials", "/proc/self/environ",
            "~/.netrc", "~/.git-credentials", "~/.config/gh*", "$github_token", "$anthropic_api_key", "$openai_api_key",
            "$aws_secret_access_key", "~/.npmrc", "~/.claude*"])]),
    Rule::of(S::TakesSecrets, &["run", "execute", "call", "paste", "include", "pipe", "use"], &[
        (3, &["printenv"])]),
    Rule::of(S::TakesSecrets, &["send", "post", "upload", "exfiltrate", "curl", "forward", "transmit"], &[
        (6, &["repository", "codebase", ".env", "env", "environment", "secrets", "credentials"]),
        (6, &["http:*", "https:*", "webhook*", "attacker*", "evil*"])]),
    Rule::of(S::RunsForeignCode, &["decode"], &[
        (6, &["base64*", "encoded", "payload", "string", "blob", "text", "following", "below"]),
        (8, &["run", "execute", "eval", "obey", "exec"])]),
    Rule::of(S::RunsForeignCode, &["download", "fetch", "curl", "wget"], &[
        (6, &["http:*", "https:*", "script", "binary", "url"]),
        (6, &["run", "execute", "eval", "source"])]),
    Rule::of(S::KeepsQuiet, &["mention", "tell", "disclose", "report", "reveal", "document", "describe", "say"], &[
        (1, &["this", "these", "that", "it", "them", "anyone", "anybody"]),
        (6, PEOPLE)]).forbidding(),
    Rule::of(S::KeepsQuiet, &["mention", "tell"], &[
        (1, &["this", "these", "the", "any"]),
        (2, &["reviewer*", "maintainer*", "human*", "instruct*"])]).forbidding(),
    Rule::of(S::KeepsQuiet, &["telling", "informing", "alerting"], &[
        (2, &["reviewer*", "maintainer*", "human*", "anyone", "anybody"])]).forbidding(),
    Rule::of(S::KeepsQuiet, &["keep", "hide", "conceal"], &[
        (2, &["this", "it", "these", "instruct*", "change*"]),
        (3, &["from", "secret"]),
        (3, &["reviewer*", "maintainer*", "human*", "anyone", "people"])]),
    Rule::of(S::SpeaksToModels, &["if"], &[
        (0, &["you"]),
        (0, &["are"]),
        (1, &["ai", "llm", "language", "assistant", "bot", "claude", "codex", "copilot", "chatgpt", "coding",
            "automated"])]).anywhere(),
    Rule::of(S::SpeaksToModels, &["attention", "dear", "hey"], &[
        (1, MACHINES)]).whole(),
    Rule::of(S::SpeaksToModels, &["note", "message", "notice", "instructions", "commands"], &[
        (0, &["to", "for"]),
        (3, MACHINES)]).whole(),
    Rule::of(S::SpeaksToModels, &["as"], &[
        (0, &["an", "a", "the"]),
        (1, &["ai", "llm", "language"]),
        (2, &["you"]),
        (0, &["must", "should", "will", "have", "are", "need"])]).anywhere(),
    Rule::of(S::OpensWalls, &["disable", "bypass", "escape", "circumvent", "evade", "deactivate", "turn", "switch",
        "break"], &[
        (3, &["sandbox", "guardrail*", "safeguards", "restrictions", "safety"])]).unless(NARROWER),
    Rule::of(S::OpensWalls, &["use", "run", "pass", "add", "restart", "start"], &[
        (5, &["--dangerously-skip-permissions", "dangerously-skip-permissions", "--yolo", "--dangerously-bypass*",
            "--sandbox=off"])]),
    Rule::of(S::OpensWalls, &["edit", "write", "append", "add", "change", "modify", "create", "set", "install",
        "put", "place", "overwrite", "delete", "remove", "update", "replace"], &[
        (5, &[".git/hooks*", ".git/config*", "core.hookspath", "core.fsmonitor", ".codelicious*",
            "codelicious.toml", "~/.gitconfig", "~/.ssh*", "crontab", "~/.claude*"])]),
    Rule::of(S::OpensWalls, &["mark", "tick", "check", "set", "declare", "claim"], &[
        (3, &["task*", "box*", "item*", "everything", "chunk*", "all", "work", "it", "this"]),
        (3, &["done", "complete", "completed", "finished", "passed"]),
        (1, &["without", "regardless", "even", "whatever", "anyway"])]),
    Rule::of(S::OpensWalls, &["call", "use", "invoke", "answer"], &[
        (2, &["complete_chunk", "block_chunk", "no_change_needed"])]),
];
