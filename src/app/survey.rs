//! Looking at everything that says what there is to build: the user's tree, the base, the lanes and the
//! ledgers. Changes nothing.

mod beside;
mod branches;
mod copies;
mod cores;
mod find;
mod names;
mod plans;
mod policy;
mod scope;
mod secrets;
mod tree;

pub use plans::Planning;
pub use policy::forbidding;
pub use scope::{Handed, Scope};
pub use tree::{Tree, tree};

use crate::core::forge_facts::ForgeFacts;
use crate::core::issue_spec;
use crate::core::lane::LaneStart;
use crate::core::plan::{Arranged, PlanInput, SpecInput};
use crate::core::recover::LaneFacts;
use crate::core::tokens;
use crate::git::{BRANCHES, GitError, RefNames, Repo, SpecRefs, lane_facts, spec_refs};
use crate::model::ledger::SpecBase;
use crate::model::spec::SpecStatus;
use crate::model::{
    Diagnostic, Document, Intent, IssueRecord, Ledger, Oid, Plan, Rule, Severity, Spec, SpecId,
    SpecPlan, TaskMark,
};
use crate::spec::{self, ParseOptions};
use beside::Documents;
use copies::{Looked, UserCopy};
use names::{Place, known_paths, name_specs};
use policy::Policy;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Everything that was found.
pub struct Survey {
    pub base: SpecBase,
    pub specs: BTreeMap<SpecId, Surveyed>,
    pub plan: Plan,
    /// Commits of the user's HEAD that the base lacks.
    pub head_ahead: usize,
    /// What in the repository forbids to build it.
    pub policy: Option<Policy>,
}

/// One spec and its lane.
#[derive(Clone, Debug)]
pub struct Surveyed {
    pub path: String,
    /// First branch of the series.
    pub branch: String,
    pub spec: Spec,
    /// The spec's text as it is built: the lane's with what the user and the base changed.
    pub text: Vec<u8>,
    /// What stands beside it and says more of its tasks.
    pub documents: Vec<Document>,
    pub facts: LaneFacts,
    pub start: LaneStart,
    /// It is among the user's files.
    pub in_tree: bool,
    /// It was, and neither they nor the base have it any more.
    pub withdrawn: bool,
    /// The issue that it was made of.
    pub issue: Option<IssueRecord>,
    /// How a model planned it, where one may: it was named, and has no tasks of its own.
    pub planning: Option<Planning>,
}

/// Specs that one thread has planned before another one has started.
const WORTH_A_THREAD: usize = 32;

/// Room in a prompt for the system text, the list of checks and a person's answer.
const RESERVE_TOKENS: u64 = 3_000;

/// Surveys the repository.
///
/// # Errors
/// No base to build on, or git objects that cannot be read. What is wrong with single specs is in the
/// plan's diagnostics.
pub fn survey(
    repo: &Repo,
    base: &SpecBase,
    scope: &Scope,
    ledgers: &BTreeMap<SpecId, Ledger>,
) -> Result<Survey, GitError> {
    let root = repo.info().root.clone();
    let refs = spec_refs(repo, scope.remote.as_deref())?;
    let mut diagnostics = Vec::new();
    let head = repo.head_commit();
    let elsewhere = Some(&base.commit).filter(|base| head.as_ref() != Some(base));
    let paths = find::paths(repo, elsewhere, scope, &mut diagnostics)?;
    let known = known_paths(repo, &refs, ledgers)?;
    let found = name_specs(repo, base, &paths, &known, &refs, scope)?;

    let taken = TakenNames::new(repo, scope)?;
    let looked = copies::look_at_all(&root, scope, &found);
    let documents = Documents::new(repo, elsewhere, scope);
    documents.fetch(copies::specs_of(&looked).filter(|s| s.has_open_work()))?;
    let mut specs = BTreeMap::new();
    for ((id, place), looked) in found.into_iter().zip(looked) {
        let no_refs = SpecRefs::default();
        let survey = SpecSurvey {
            repo,
            base,
            head: head.as_ref(),
            scope,
            id: &id,
            place: &place,
            taken: &taken,
            documents: &documents,
            refs: refs.get(&id).unwrap_or(&no_refs),
            ledger: ledgers.get(&id),
        };
        match survey.run(looked)? {
            Ok(Some(found)) => {
                specs.insert(id, found);
            }
            Ok(None) => {}
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    let mut plan = plan_specs(&root, specs.values(), scope.budget_tokens);
    plan.diagnostics.extend(diagnostics);
    let policy = policy::forbidding(repo, &base.commit)?;
    plan.diagnostics
        .extend(policy.iter().map(Policy::diagnostic));
    let head_ahead = repo.head_ahead_of(&base.commit)?;
    Ok(Survey {
        base: base.clone(),
        specs,
        plan,
        head_ahead,
        policy,
    })
}

/// Surveys one spec again on another base, and plans it alone.
///
/// # Errors
/// As [`survey`]; a spec that cannot be read any more is a diagnostic.
pub fn survey_one(
    repo: &Repo,
    base: &SpecBase,
    scope: &Scope,
    id: &SpecId,
    path: &str,
    ledger: Option<&Ledger>,
) -> Result<Result<Option<(Surveyed, SpecPlan)>, Diagnostic>, GitError> {
    let refs = spec_refs(repo, scope.remote.as_deref())?;
    let root = repo.info().root.clone();
    let no_refs = SpecRefs::default();
    let place = Place {
        path: path.to_owned(),
        renamed_from: None,
    };
    let head = repo.head_commit();
    let elsewhere = Some(&base.commit).filter(|base| head.as_ref() != Some(base));
    let survey = SpecSurvey {
        repo,
        base,
        head: head.as_ref(),
        scope,
        id,
        place: &place,
        taken: &TakenNames::new(repo, scope)?,
        documents: &Documents::new(repo, elsewhere, scope),
        refs: refs.get(id).unwrap_or(&no_refs),
        ledger,
    };
    let looked = copies::look(&root, scope, id, path);
    Ok(survey.run(looked)?.map(|found| {
        found.and_then(|found| {
            let plan = plan_specs(&root, std::iter::once(&found), scope.budget_tokens);
            plan.specs.into_iter().next().map(|p| (found, p))
        })
    }))
}

fn plan_specs<'a>(
    root: &Path,
    specs: impl Iterator<Item = &'a Surveyed>,
    budget_tokens: u64,
) -> Plan {
    let inputs: Vec<SpecInput<'_>> = specs
        .map(|s| SpecInput {
            spec: &s.spec,
            bytes: &s.text,
            documents: &s.documents,
            done: &s.facts.on_base,
            withdrawn: s.withdrawn,
        })
        .collect();
    plan_inputs(root, &inputs, budget_tokens)
}

fn plan_inputs(root: &Path, inputs: &[SpecInput<'_>], budget_tokens: u64) -> Plan {
    let file_tokens = |path: &str| {
        let meta = root
            .join(path)
            .metadata()
            .ok()
            .filter(std::fs::Metadata::is_file)?;
        Some(tokens::for_bytes(meta.len()))
    };
    let input = PlanInput {
        specs: inputs,
        budget_tokens,
        reserve_tokens: RESERVE_TOKENS,
        file_tokens: &file_tokens,
    };
    let arranged = Arranged::new(&input);
    let planned = cores::each(arranged.places(), WORTH_A_THREAD, |place| {
        arranged.plan(place)
    });
    arranged.whole(planned)
}

/// Where branches of our names may stand, ours and others'.
struct TakenNames {
    local: RefNames,
    remote: RefNames,
}

impl TakenNames {
    fn new(repo: &Repo, scope: &Scope) -> Result<Self, GitError> {
        Ok(Self {
            local: repo.names_below(&format!("refs/heads/{BRANCHES}"))?,
            remote: match &scope.remote {
                Some(r) => repo.names_below(&format!("refs/remotes/{r}/{BRANCHES}"))?,
                None => RefNames::default(),
            },
        })
    }
}

struct SpecSurvey<'a> {
    repo: &'a Repo,
    base: &'a SpecBase,
    /// The user's HEAD.
    head: Option<&'a Oid>,
    scope: &'a Scope,
    id: &'a SpecId,
    place: &'a Place,
    taken: &'a TakenNames,
    documents: &'a Documents<'a>,
    refs: &'a SpecRefs,
    ledger: Option<&'a Ledger>,
}

/// The texts of a spec, wherever it stands.
struct Texts {
    lane: Option<Vec<u8>>,
    base: Option<Vec<u8>>,
    /// The user's copy, when it is untracked or differs from HEAD's.
    user: Option<Vec<u8>>,
    /// HEAD's, the ancestor of a user's copy that was never synced.
    head: Option<Vec<u8>>,
    synced_user: Option<Vec<u8>>,
    synced_base: Option<Vec<u8>>,
}

impl SpecSurvey<'_> {
    fn run(&self, looked: Looked) -> Result<Result<Option<Surveyed>, Diagnostic>, GitError> {
        let path = &self.place.path;
        let (mut tip, mut archive) = self.lane_tip()?;
        if self.scope.fresh {
            archive = tip.take();
        }
        let copy = match looked {
            Ok(copy) => copy,
            Err(diagnostic) => return Ok(Err(diagnostic)),
        };
        let texts = self.texts(tip.as_ref(), copy.as_ref())?;
        let in_tree = copy.is_some() && !self.scope.handed.contains_key(path);
        let was_in_tree = self.ledger.is_some_and(|l| l.user_copy);
        let withdrawn = was_in_tree && copy.is_none() && texts.base.is_none();
        let text = match merged(path, &texts, tip.is_some()) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(Ok(None)),
            Err(e) => {
                let line = e.lines.first().copied().unwrap_or(0);
                let remedy = format!(
                    "make {path} agree with the spec on the branch {}, or start it again with --fresh",
                    self.branch()?
                );
                return Ok(Err(Diagnostic {
                    line,
                    ..problem(path, &e.to_string(), &remedy)
                }));
            }
        };
        let users_text = copy
            .as_ref()
            .map_or_else(|| text.clone(), |c| c.text.clone());
        let options = self.scope.options(path, &text);
        let prose = options.prose;
        let mut looked_at = None;
        let parsed = match copy {
            Some(copy) if copy.text == text => {
                looked_at = Some(copy.warnings);
                copy.spec
            }
            _ => spec::parse(self.id.clone(), path, &text, options),
        };
        let planned = match parsed {
            Ok(spec) => self.planned(spec, &text)?,
            Err(diagnostic) => Err(diagnostic),
        };
        let (mut spec, planning) = match planned {
            Ok(planned) => planned,
            Err(diagnostic) => return Ok(Err(diagnostic)),
        };
        if spec.tasks.is_empty() && spec.diagnostics.is_empty() && tip.is_none() {
            return Ok(Ok(None));
        }
        if spec.has_open_work() {
            let warnings = looked_at
                .unwrap_or_else(|| self.scope.suspicions(path, &String::from_utf8_lossy(&text)));
            spec.diagnostics.extend(warnings);
        }
        let beside = match spec.has_open_work() {
            true => self.documents.of(&spec)?,
            false => beside::Found::default(),
        };
        spec::attend(&mut spec, &beside.documents);
        spec.held = spec.held.or(beside.held);
        spec.diagnostics.extend(beside.diagnostics);
        if let Some(why) = spec.held.take_if(|_| self.scope.names(path)) {
            spec.diagnostics.push(Diagnostic {
                rule: Rule::Held,
                severity: Severity::Warning,
                ..problem(path, &why, "it is built because it is named")
            });
        }
        // One text is parsed once, wherever it stands.
        let done_in = |other: &[u8]| {
            if other == text {
                spec.marked_done()
            } else {
                spec::parse(
                    self.id.clone(),
                    path,
                    other,
                    ParseOptions {
                        prose,
                        ..ParseOptions::default()
                    },
                )
                .map_or_else(|_| BTreeSet::new(), |other| other.marked_done())
            }
        };
        // What was done there stays so where the list is put away, as OpenSpec does with changes.
        let put_away = match (&texts.base, &tip) {
            (None, Some(tip)) => self.repo.last_on_base(&self.base.commit, tip, path)?,
            _ => None,
        };
        let on_base = texts.base.as_deref().or(put_away.as_deref());
        let on_base = on_base.map(done_in).unwrap_or_default();

        // A lane whose work is all on the base has nothing left to give: new tasks start from the base.
        let lane_done = tip.as_ref().and(texts.lane.as_deref()).map(done_in);
        let is_merged = lane_done
            .as_ref()
            .is_some_and(|done| !done.is_empty() && done.is_subset(&on_base));
        let has_open = spec
            .work()
            .filter(|t| t.aside.is_none())
            .any(|t| t.mark != TaskMark::Done && !on_base.contains(&t.id));
        // What is not built is not committed either.
        let is_built = spec.front.status == SpecStatus::Ready && (has_open || tip.is_some());
        if is_built && let Some(diagnostic) = self.secret(&text, &users_text, &texts) {
            return Ok(Err(diagnostic));
        }
        let mut committed = texts.lane.clone();
        if is_merged && has_open {
            archive = tip.take();
            committed.clone_from(&texts.base);
        } else if tip.is_none() {
            committed.clone_from(&texts.base);
        }
        let merged_parts = if tip.is_none() {
            self.spent_parts()?
        } else {
            BTreeMap::new()
        };
        let sync = (committed.as_deref() != Some(&text)).then(|| text.clone());
        let start = LaneStart {
            lane_ref: self.refs.lane.clone(),
            archive,
            sync,
            renamed_from: self.place.renamed_from.clone().filter(|_| tip.is_some()),
            prose,
            planned: plans::chunks_of(&spec),
            seen_user: texts.user.or(texts.synced_user),
            seen_base: texts.base,
        };
        let commits = match &tip {
            Some(tip) => lane_facts(self.repo, self.id, path, &self.base.commit, tip)?,
            None => Vec::new(),
        };
        let intents = self
            .ledger
            .into_iter()
            .flat_map(|l| &l.intents)
            .filter_map(|i| match i {
                Intent::Land { new, .. } => Some(new.clone()),
                Intent::Engine { .. }
                | Intent::TakeUp { .. }
                | Intent::Push { .. }
                | Intent::Pr { .. } => None,
            });
        let (mut standings, mut earlier_here) = (BTreeMap::new(), BTreeSet::new());
        if let Some(tip) = &tip {
            standings = self.standings(tip, &commits, &on_base)?;
            earlier_here = self.earlier_here(tip, &commits, &on_base)?;
        }
        let facts = LaneFacts {
            objects: self.repo.existing(intents),
            standings,
            earlier_here,
            checked_out: self.checked_out(),
            forge: ForgeFacts::new(),
            tip,
            base: Some(self.base.clone()),
            commits,
            on_base,
            remote: self.refs.remote.clone(),
            merged_parts,
        };
        let handed = self.scope.handed.get(path).map(|h| h.issue.clone());
        let known = self.ledger.and_then(|l| l.issue.clone());
        // A fresh clone knows it by the text.
        let issue = handed.or(known).or_else(|| {
            let number = issue_spec::number(path, &text)?;
            Some(IssueRecord {
                number,
                url: String::new(),
                told: None,
            })
        });
        Ok(Ok(Some(Surveyed {
            path: path.clone(),
            branch: self.branch()?,
            spec,
            text,
            documents: beside.documents,
            facts,
            start,
            in_tree,
            withdrawn,
            issue,
            planning,
        })))
    }

    /// The first branch of the series: ours from before, else a name that nobody else uses.
    fn branch(&self) -> Result<String, GitError> {
        if let Some(ledger) = self.ledger {
            return Ok(ledger.branch.clone());
        }
        let plain = format!("{BRANCHES}{}", self.id);
        let remote = self.scope.remote.as_deref();
        let local = (&self.taken.local, format!("refs/heads/{plain}"));
        let remote = remote.map(|r| (&self.taken.remote, format!("refs/remotes/{r}/{plain}")));
        for (taken, name) in std::iter::once(local).chain(remote) {
            if taken.may_hold(self.id.as_str())
                && let Some(tip) = self.repo.ref_target(&name)?
                && self.refs.lane.is_none()
                && !self.is_own(&tip)?
            {
                return Ok(format!("{plain}-{}", short_hash(&self.place.path)));
            }
        }
        Ok(plain)
    }

    /// True for a branch that holds work of this spec, or whose work is all on the base.
    fn is_own(&self, tip: &Oid) -> Result<bool, GitError> {
        let merged = self.repo.is_ancestor(tip, &self.base.commit)? && *tip != self.base.commit;
        Ok(merged || self.repo.is_ours(self.id, &self.base.commit, tip)?)
    }

    /// Parts of an earlier lane whose branches still stand: their numbers are not used again.
    fn spent_parts(&self) -> Result<BTreeMap<u32, (String, Oid)>, GitError> {
        let mut spent = BTreeMap::new();
        for (branch, tip) in self.refs.remote.iter().chain(&self.refs.local) {
            if let Some((_, part)) = crate::git::split_branch(branch)
                && self.is_own(tip)?
            {
                spent.insert(part, (branch.clone(), tip.clone()));
            }
        }
        Ok(spent)
    }

    fn texts(&self, tip: Option<&Oid>, copy: Option<&UserCopy>) -> Result<Texts, GitError> {
        let path = self.place.path.as_str();
        let old_path = self.place.renamed_from.as_deref().unwrap_or(path);
        let user = copy.map(|c| c.text.as_slice());
        let in_lane = |tip: &Oid| -> Result<Option<Vec<u8>>, GitError> {
            match self.repo.read_file_like(tip, path, user)? {
                Some(text) => Ok(Some(text)),
                None => self.repo.read_file(tip, old_path),
            }
        };
        let head = match self.head {
            Some(head) => self.repo.read_file_like(head, path, user)?,
            None => None,
        };
        let base = if self.head == Some(&self.base.commit) {
            head.clone()
        } else {
            self.repo.read_file_like(&self.base.commit, path, user)?
        };
        let same_as_head =
            matches!((user, &head), (Some(u), Some(h)) if u == h || without_cr(u) == without_cr(h));
        let synced = |side: &str| -> Result<Option<Vec<u8>>, GitError> {
            match &self.refs.sync {
                Some(sync) => match self.repo.read_file(sync, &format!("{side}/{path}"))? {
                    Some(text) => Ok(Some(text)),
                    None => self.repo.read_file(sync, &format!("{side}/{old_path}")),
                },
                None => Ok(None),
            }
        };
        Ok(Texts {
            lane: match tip {
                Some(tip) => in_lane(tip)?,
                None => None,
            },
            base,
            user: user.filter(|_| !same_as_head).map(<[u8]>::to_vec),
            head,
            synced_user: synced("user")?,
            synced_base: synced("base")?,
        })
    }
}

/// The lane's text with what the base and the user changed since they were last looked at.
fn merged(
    path: &str,
    texts: &Texts,
    has_lane: bool,
) -> Result<Option<Vec<u8>>, spec::MergeConflict> {
    let mut text = if has_lane { texts.lane.clone() } else { None };
    text = match (text, &texts.base) {
        (None, base) => base.clone(),
        (Some(lane), Some(base)) if texts.synced_base.as_ref() != Some(base) => Some(
            spec::merge_specs(path, texts.synced_base.as_deref(), &lane, base)?,
        ),
        (lane, _) => lane,
    };
    match (text, &texts.user) {
        (None, user) => Ok(user.clone()),
        (Some(lane), Some(user)) if texts.synced_user.as_ref() != Some(user) => {
            let ancestor = texts.synced_user.as_deref().or(texts.head.as_deref());
            spec::merge_specs(path, ancestor, &lane, user).map(Some)
        }
        (lane, _) => Ok(lane),
    }
}

fn without_cr(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|b| *b != b'\r').collect()
}

fn short_hash(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text.as_bytes())
        .iter()
        .take(3)
        .map(|b| format!("{b:02x}"))
        .collect()
}

fn problem(path: &str, message: &str, remedy: &str) -> Diagnostic {
    Diagnostic {
        rule: Rule::Unreadable,
        severity: Severity::Error,
        path: path.to_owned(),
        line: 0,
        message: message.to_owned(),
        remedy: remedy.to_owned(),
    }
}

/// Turns paths as typed behind the word `said` (relative to `from`) into paths below the root.
///
/// # Errors
/// A path that does not exist or lies outside the repository, with the remedy.
pub fn below_root(
    root: &Path,
    from: &Path,
    said: &str,
    typed: &[PathBuf],
) -> Result<Vec<String>, GitError> {
    typed
        .iter()
        .map(|path| {
            let what = format!("{said} {}", path.display());
            let full = from.join(path).canonicalize().map_err(|e| {
                GitError::new(
                    &what,
                    e.to_string(),
                    "name an existing file, relative to the folder you are in",
                )
            })?;
            let below = full.strip_prefix(root).map_err(|_| {
                GitError::new(
                    &what,
                    "it is outside the repository",
                    format!("name a file below {}", root.display()),
                )
            })?;
            let text = below
                .to_str()
                .ok_or_else(|| GitError::new(&what, "its name is not UTF-8", "rename the file"))?;
            Ok(text.to_owned())
        })
        .collect()
}
