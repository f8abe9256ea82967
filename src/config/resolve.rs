//! From layers to settings: the highest layer wins, and everything wrong in any of them is gathered.

mod chain;
mod engines;
mod prices;
mod protect;
mod sandbox;
mod token;

use super::audit_keys::{SEVERITIES, severity};
use super::decode::{self, Decoded, Fault, Form, What};
use super::environment::Environment;
use super::error::{ConfigError, Problem};
use super::keys::{self, Kind};
use super::layers::{Given, Layer};
use super::raw::{self, Item};
use super::settings::{
    AuditSettings, BudgetSettings, CheckScope, ClaudeSettings, CommitSettings, CoverageSettings,
    EnvSettings, EvidenceSettings, ForgeSettings, GcSettings, LintSettings, LogSettings,
    NetworkSettings, PlanSettings, PlanStrategy, Platform, PrSettings, RetrySettings,
    ReviewSettings, SandboxMode, SetValue, Settings, SourceSettings, SpecSettings, VerifySettings,
    WorktreeSettings,
};
use super::value::{Origin, Value};
use crate::model::{FindingSeverity, ForgeKind, PrMode, Prove, ReviewOn};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Resolves settings from layers, lowest first. Every value of every layer is checked, also one that
/// a higher layer overrides: a mistake does not wait for its turn.
pub(super) fn resolve(
    root: &Path,
    env: &Environment,
    layers: [Layer; 4],
    problems: Vec<Problem>,
) -> Result<Settings, ConfigError> {
    let mut r = Resolver {
        root,
        env,
        layers,
        problems,
        set: Vec::new(),
    };
    let platform = r.get("pr.platform", decode::one_of);
    let sandbox = r
        .get("sandbox.mode", decode::one_of)
        .map(|word| match word == "off" {
            true => SandboxMode::Off,
            false => SandboxMode::On,
        });
    let continuous = r.get("continuous", decode::boolean);
    let engines = r.engines();
    let engine = r.chain(&engines);
    let reviewer = r.reviewer(&engines);
    let mut settings = Settings {
        engine,
        model: r.optional("model", decode::word),
        endpoint: r.optional("endpoint", decode::endpoint),
        engines,
        prices: r.prices(),
        agent_timeout: r.get("agent_timeout_s", decode::seconds),
        stall_timeout: r.get("stall_timeout_s", decode::seconds),
        deadline: r.optional("deadline_s", decode::seconds),
        base: r.optional("base", decode::word),
        wait_for_reset: r
            .optional("wait_for_reset", decode::boolean)
            .map(|wait| wait.unwrap_or(*continuous)),
        max_wait_total: r.get("max_wait_total_s", decode::seconds),
        continuous,
        cycle_sleep: r.get("cycle_sleep_s", decode::seconds),
        max_attempts: r.get("max_attempts", decode::count),
        max_fix_attempts: r.get("max_fix_attempts", decode::count),
        i_have_permission: r.get("i_have_permission", decode::boolean),
        walls: r.walls(sandbox.value),
        sandbox,
        pr: PrSettings {
            max_commits: r.get("pr.max_commits", decode::count),
            max_lines: r.get("pr.max_lines", decode::count),
            platform: platform.map(|word| platform_of(&word)),
            mode: r.get("pr.mode", decode::one_of).map(|word| mode_of(&word)),
            max_open: r.get("pr.max_open", decode::count),
            labels: r.get("pr.labels", decode::list),
            reviewers: r.get("pr.reviewers", decode::list),
            template: r.optional("pr.template", decode::inside),
            uncounted: r.get("pr.uncounted", decode::list),
        },
        forge: ForgeSettings {
            repository: r.optional("forge.repository", decode::repository),
            api: r.optional("forge.api", decode::endpoint),
            graphql: r.optional("forge.graphql", decode::endpoint),
            token: r.forge_token(),
        },
        sources: SourceSettings {
            issues: r.optional("sources.issues", decode::issues),
        },
        specs: SpecSettings {
            paths: r.get("specs.paths", decode::list),
            exclude: r.get("specs.exclude", decode::list),
            include: r.get("specs.include", decode::list),
            optional: r.get("specs.optional", decode::boolean),
        },
        lint: LintSettings {
            allow: r.get("lint.allow", decode::list),
            deny: r.get("lint.deny", decode::list),
        },
        plan: r.plan(),
        retry: RetrySettings {
            max_retries: r.get("retry.max_retries", decode::count),
            base: r.get("retry.base_s", decode::seconds),
            max_pause: r.get("retry.max_pause_s", decode::seconds),
            max_wait: r.get("retry.max_wait_s", decode::seconds),
        },
        network: NetworkSettings {
            private_hosts: r.get("network.private_hosts", decode::list),
            answer_timeout: r.get("network.answer_timeout_s", decode::seconds),
        },
        budget: BudgetSettings {
            max_cost_usd: r.cap("budget.max_cost_usd", decode::dollars),
            max_tokens: r.cap("budget.max_tokens", decode::int),
            chunk_max_cost_usd: r.cap("budget.chunk_max_cost_usd", decode::dollars),
            chunk_max_tokens: r.cap("budget.chunk_max_tokens", decode::int),
            max_spec_bytes: r.get("budget.max_spec_bytes", decode::int),
        },
        worktree: WorktreeSettings {
            dir: r.worktree_dir(),
            setup: r.get("worktree.setup", decode::list),
            copy: r.get("worktree.copy", decode::list),
            link: r.get("worktree.link", decode::list),
        },
        env: EnvSettings {
            pass: r.union("env.pass", decode::list),
        },
        verify: VerifySettings {
            commands: r.get("verify.commands", decode::checks),
            detect: r.get("verify.detect", decode::boolean),
            disable: r.get("verify.disable", decode::list),
            scope: r
                .get("verify.scope", decode::one_of)
                .map(|word| match word.as_str() {
                    "all" => CheckScope::All,
                    _ => CheckScope::Changed,
                }),
            timeout: r.get("verify.timeout_s", decode::seconds),
            allow_unverified: r.get("verify.allow_unverified", decode::boolean),
            require_proof: r
                .get("verify.require", decode::one_of)
                .map(|word| word == "proven"),
            prove: r
                .get("verify.prove", decode::one_of)
                .map(|word| prove_of(&word)),
        },
        review: ReviewSettings {
            engine: reviewer,
            model: r.optional("review.model", decode::word),
            max_rounds: r.get("review.max_rounds", decode::count),
            on: r
                .get("review.on", decode::one_of)
                .map(|word| review_on(&word)),
        },
        audit: AuditSettings {
            rules: r.audit_rules(),
            protect: r.protect(),
            max_added_lines: r.get("audit.max_added_lines", decode::int),
        },
        coverage: CoverageSettings {
            min: r.optional("coverage.min", decode::percent),
            changed_min: r.optional("coverage.changed_min", decode::percent),
            tolerance: r.get("coverage.tolerance", decode::percent),
            measure: r.get("coverage.measure", decode::boolean),
            command: r.optional("coverage.command", decode::text),
            report: r.get("coverage.report", decode::list),
            format: r.get("coverage.format", decode::one_of),
        },
        evidence: EvidenceSettings {
            notes: r.get("evidence.notes", decode::boolean),
            push: r.get("evidence.push", decode::boolean),
        },
        commit: CommitSettings {
            template: r.optional("commit.template", decode::template),
        },
        log: LogSettings {
            redact: r.union("log.redact", decode::list),
        },
        gc: GcSettings {
            keep: r.get("gc.keep", decode::seconds),
            keep_attempts: r.get("gc.keep_attempts", decode::seconds),
            keep_archives: r.get("gc.keep_archives", decode::seconds),
        },
        claude: ClaudeSettings {
            path: r.program("claude.path"),
            args: r.get("claude.args", decode::list),
            max_turns: r.cap("claude.max_turns", decode::count),
            max_budget_usd: r.cap("claude.max_budget_usd", decode::dollars),
        },
        set: Vec::new(),
    };
    r.apply_endpoint(&mut settings);
    // What is no key of the table stays in its order behind those that are.
    let place = |key: &str| keys::KEYS.iter().position(|doc| doc.key == key);
    r.set
        .sort_by_key(|set| place(&set.key).unwrap_or(usize::MAX));
    settings.set = r.set;
    match ConfigError::from_problems(r.problems) {
        Some(error) => Err(error),
        None => Ok(settings),
    }
}

/// Decodes keys one by one and gathers what is wrong; a faulty value becomes its type's default, which
/// nobody sees because the whole then fails.
struct Resolver<'a> {
    root: &'a Path,
    env: &'a Environment,
    layers: [Layer; 4],
    problems: Vec<Problem>,
    set: Vec<SetValue>,
}

type Decode<T> = fn(&Item, Kind, Form) -> Decoded<T>;

impl Resolver<'_> {
    /// The highest layer's value, else the default.
    fn get<T: Default>(&mut self, key: &'static str, decode: Decode<T>) -> Value<T> {
        self.optional(key, decode).map(Option::unwrap_or_default)
    }

    /// How grave each rule of the audit is.
    fn audit_rules(&mut self) -> BTreeMap<&'static str, Value<FindingSeverity>> {
        let rules = keys::KEYS
            .iter()
            .filter(|doc| doc.section() == "audit" && doc.kind == Kind::OneOf(SEVERITIES));
        rules
            .map(|doc| {
                let word = self.get(doc.key, decode::one_of);
                (doc.leaf(), word.map(|word| severity(&word)))
            })
            .collect()
    }

    /// The same for a setting that may be absent.
    fn optional<T>(&mut self, key: &'static str, decode: Decode<T>) -> Value<Option<T>> {
        let highest = self.all(key, decode).pop();
        match highest {
            Some(value) => value.map(Some),
            None => Value {
                value: None,
                origin: Origin::Default,
            },
        }
    }

    /// A bound on what may be spent: of the two files the lower one counts, so that no repository can raise what
    /// its user wrote down; environment and flags win as ever.
    fn cap<T: PartialOrd>(&mut self, key: &'static str, decode: Decode<T>) -> Value<Option<T>> {
        let mut cap: Option<Value<T>> = None;
        for given in self.all(key, decode) {
            let is_raised = matches!(given.origin, Origin::RepoFile { .. })
                && cap.as_ref().is_some_and(|cap| cap.value <= given.value);
            if !is_raised {
                cap = Some(given);
            }
        }
        match cap {
            Some(cap) => cap.map(Some),
            None => Value::default(),
        }
    }

    /// All layers' lists together, without repeats; the origin is the highest layer's.
    fn union(&mut self, key: &'static str, decode: Decode<Vec<String>>) -> Value<Vec<String>> {
        let mut whole: Value<Vec<String>> = Value::default();
        for layer in self.all(key, decode) {
            whole.origin = layer.origin;
            for name in layer.value {
                if !whole.value.contains(&name) {
                    whole.value.push(name);
                }
            }
        }
        whole
    }

    /// Every sound value, the default first, the highest layer last.
    fn all<T>(&mut self, key: &'static str, decode: Decode<T>) -> Vec<Value<T>> {
        let doc = keys::find(key)
            .expect("every key that is asked for stands in KEYS, as the tests ask for all");
        let default = raw::from_text(doc.default)
            .and_then(|item| decode(&item, doc.kind, Form::Toml).ok())
            .map(|value| Value {
                value,
                origin: Origin::Default,
            });
        let mut found: Vec<Value<T>> = default.into_iter().collect();
        let mut shown = None;
        for given in self.layers.iter().filter_map(|layer| layer.keys.get(key)) {
            let form = match given.origin {
                Origin::Env { .. } => Form::Words,
                Origin::Default
                | Origin::UserFile { .. }
                | Origin::RepoFile { .. }
                | Origin::Flag { .. } => Form::Toml,
            };
            match decode(&given.item, doc.kind, form) {
                Ok(value) => found.push(Value {
                    value,
                    origin: given.origin.clone(),
                }),
                Err(fault) => self.problems.push(problem(key, doc.kind, given, fault)),
            }
            shown = Some(SetValue {
                key: key.to_owned(),
                value: given.item.raw.to_string(),
                origin: given.origin.clone(),
            });
        }
        self.set.extend(shown);
        found
    }

    fn plan(&mut self) -> PlanSettings {
        let plan = PlanSettings {
            strategy: self
                .get("plan.strategy", decode::one_of)
                .map(|word| match word.as_str() {
                    "tasks" => PlanStrategy::Tasks,
                    "llm" => PlanStrategy::Llm,
                    _ => PlanStrategy::Auto,
                }),
            window_tokens: self.get("plan.window_tokens", decode::int),
            overlap_tokens: self.get("plan.overlap_tokens", decode::int),
            max_windows: self.get("plan.max_windows", decode::count),
        };
        if *plan.overlap_tokens >= *plan.window_tokens && *plan.window_tokens > 0 {
            let (overlap, window) = (&plan.overlap_tokens, &plan.window_tokens);
            // Who said the last word can take it back.
            let at = match overlap.origin.rank() >= window.origin.rank() {
                true => &overlap.origin,
                false => &window.origin,
            };
            self.problems.push(Problem::BadValue {
                at: at.clone(),
                key: "plan.overlap_tokens".to_owned(),
                given: overlap.value.to_string(),
                allowed: format!("less than `plan.window_tokens`, which is {}", window.value),
            });
        }
        plan
    }

    fn worktree_dir(&mut self) -> Value<Option<PathBuf>> {
        let given = self.optional("worktree.dir", decode::text);
        let dir = given
            .value
            .as_ref()
            .map(|dir| self.absolute(Path::new(dir), &given.origin));
        let root = normal(self.root);
        let within = dir.as_ref().and_then(|dir| dir.strip_prefix(&root).ok());
        if within.is_some_and(|below| !below.starts_with(".codelicious")) {
            self.problems.push(Problem::BadValue {
                at: given.origin.clone(),
                key: "worktree.dir".to_owned(),
                given: format!("{:?}", given.value.unwrap_or_default()),
                allowed: "a folder outside the repository, because your own tree is never touched"
                    .to_owned(),
            });
        }
        Value {
            value: dir,
            origin: given.origin,
        }
    }

    fn program(&mut self, key: &'static str) -> Value<PathBuf> {
        let given = self.get(key, decode::text);
        self.located(given)
    }

    /// A program as it is started: a bare name is left to `PATH`.
    fn located(&self, given: Value<String>) -> Value<PathBuf> {
        let path = Path::new(&given.value);
        let bare = path.components().count() == 1 && !given.value.starts_with(['.', '~', '/']);
        let value = if bare {
            path.to_path_buf()
        } else {
            self.absolute(path, &given.origin)
        };
        Value {
            value,
            origin: given.origin,
        }
    }

    /// Resolves `~/` and relative paths by where they were written.
    fn absolute(&self, path: &Path, origin: &Origin) -> PathBuf {
        if let (Ok(below), Some(home)) = (path.strip_prefix("~"), self.env.home()) {
            return normal(&home.join(below));
        }
        let start = match origin {
            Origin::UserFile { path, .. } => path.parent().unwrap_or(self.root),
            Origin::RepoFile { .. } | Origin::Default => self.root,
            Origin::Env { .. } | Origin::Flag { .. } => self.env.cwd(),
        };
        normal(&start.join(path))
    }
}

/// The word is one of [`keys::PLATFORMS`]; what is none was reported.
fn platform_of(word: &str) -> Platform {
    let forge = ForgeKind::ALL.into_iter().find(|kind| kind.word() == word);
    match forge {
        Some(kind) => Platform::Forge(kind),
        None if word == "local" => Platform::Local,
        None => Platform::Auto,
    }
}

fn prove_of(word: &str) -> Prove {
    match word {
        "tests-first" => Prove::TestsFirst,
        "off" => Prove::No,
        _ => Prove::After,
    }
}

fn mode_of(word: &str) -> PrMode {
    [PrMode::Chunk, PrMode::Spec]
        .into_iter()
        .find(|mode| mode.word() == word)
        .unwrap_or(PrMode::Part)
}

fn review_on(word: &str) -> ReviewOn {
    match word == ReviewOn::Unproven.word() {
        true => ReviewOn::Unproven,
        false => ReviewOn::Every,
    }
}

/// The path without `.` and, as far as the text alone tells, without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(out.components().next_back(), Some(Component::Normal(_))) =>
            {
                out.pop();
            }
            // Above the root there is only the root.
            Component::ParentDir if out.has_root() => {}
            other => out.push(other),
        }
    }
    out
}

fn problem(key: &str, kind: Kind, given: &Given, fault: Fault) -> Problem {
    let at = if fault.line > 0 {
        given.origin.at_line(fault.line)
    } else {
        given.origin.clone()
    };
    let key = key.to_owned();
    match fault.what {
        What::Type(found) => Problem::WrongType {
            at,
            key,
            found,
            allowed: kind.allowed(),
        },
        What::Value(given) => Problem::BadValue {
            at,
            key,
            given,
            allowed: kind.allowed(),
        },
        What::Reason(why) => Problem::Unusable { at, key, why },
        What::Field { name, nearest } => Problem::Unknown {
            at,
            what: "key",
            key: format!("{key}.{name}"),
            nearest: nearest.map(str::to_owned),
        },
        What::FieldValue {
            name,
            given,
            allowed,
        } => Problem::BadValue {
            at,
            key: format!("{key}.{name}"),
            given,
            allowed,
        },
    }
}
