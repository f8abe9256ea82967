//! Looking at what there is to build, and making lanes of it.

use super::Session;
use super::forge::known;
use super::issues::leave_alone;
use crate::app::error::AppError;
use crate::app::survey::{Scope, Survey, below_root, survey, survey_one};
use crate::app::{engine, reports};
use crate::core::cycle::stacked_base;
use crate::core::decide::is_over;
use crate::core::issue_spec;
use crate::core::lane::Lane;
use crate::core::moves::Carrier;
use crate::core::recover::{LaneFacts, Recovered};
use crate::core::template::Template;
use crate::crash::{self, Point};
use crate::driver::{Stop, remember_seen};
use crate::git::{CaughtUp, Repo, fetch, resolve_base};
use crate::ledger::Loaded;
use crate::model::ledger::SpecBase;
use crate::model::{Diagnostic, EventKind, Ledger, Oid, Severity, SpecId, SpecPlan};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a look saw: the survey, the ledgers, and the specs whose issue was closed.
type Seen = (Survey, BTreeMap<SpecId, Ledger>, BTreeMap<SpecId, String>);

impl Session<'_> {
    /// Fetches, surveys, and looks whether what is to be built can be delivered; then a model plans what it is to plan.
    pub(super) async fn look(
        &mut self,
    ) -> Result<Result<(Survey, BTreeMap<SpecId, Ledger>, SpecBase), Stop>, AppError> {
        let seen = Box::pin(self.listening(async |session| session.see().await)).await;
        let (mut found, ledgers, closed) = match seen {
            Ok(seen) => seen?,
            Err(stop) => return Ok(Err(stop)),
        };
        if self.plan_by_model(&found).await? {
            let (base, scope, all) = (found.base.clone(), self.scope.clone(), ledgers.clone());
            let again = move |repo: &mut Repo| survey(repo, &base, &scope, &all);
            found = self.shells.git.call(again).await?;
            leave_alone(&mut found, &closed);
        }
        self.shells.redactor.redact_plan(&mut found.plan);
        let asked = self
            .listening(async |session| session.ask_forge(&mut found, &ledgers).await)
            .await;
        if let Err(stop) = asked {
            return Ok(Err(stop));
        }
        // A second cycle must not start the lanes over once more.
        self.restart.fresh = false;
        let base = found.base.clone();
        Ok(Ok((found, ledgers, base)))
    }

    /// Everything before an engine or a model is paid.
    async fn see(&mut self) -> Result<Seen, AppError> {
        let (world, specs) = (self.world, self.specs.clone());
        // Before anything is asked of git: what an engine planted there must not run.
        let aside = world.dir().join("aside");
        let (undone, remote) = self
            .shells
            .git
            .call(move |repo| Ok((repo.undo_interrupted(&aside)?, repo.default_remote())))
            .await?;
        for what in undone {
            self.say(EventKind::Repaired { what });
        }
        if let Some(remote) = &remote {
            let (vars, stop) = (
                &self.shells.settings.git_env,
                self.shells.stop_everything.clone(),
            );
            let notes = self.shells.settings.push_notes;
            let fetched = match self.shells.git.call(|repo| repo.git_place()).await {
                Ok(place) => fetch(&place, remote, vars, notes, stop).await,
                Err(e) => Err(e),
            };
            if let Err(e) = fetched {
                self.say(EventKind::Warning {
                    message: format!("{e}; going on with what is known of it"),
                });
            }
        }
        crash::point(Point::RunFetched)?;
        let mut named = below_root(&world.info.root, self.env.cwd(), "--spec", &specs)?;
        let handed = self.issues().await?;
        // Also those that cannot be had at the moment: whoever names some wants no others.
        named.extend(self.from_issues.iter().map(|n| issue_spec::path(*n)));
        self.scope = Scope {
            named,
            configured: world.settings.specs.paths.to_vec(),
            handed: Arc::new(handed),
            exclude: world.settings.specs.exclude.to_vec(),
            remote: remote.clone(),
            budget_tokens: engine::prompt_tokens(&world.settings),
            max_spec_bytes: *world.settings.budget.max_spec_bytes,
            include: world.settings.specs.include.to_vec(),
            with_optional: *world.settings.specs.optional,
            fresh: self.restart.fresh,
            redactor: Some(Arc::clone(&self.shells.redactor)),
        };
        let ledgers = self.load_ledgers()?;
        let (scope, wanted, all) = (
            self.scope.clone(),
            world.settings.base.clone(),
            ledgers.clone(),
        );
        let mut found = self
            .shells
            .git
            .call(move |repo| {
                crate::git::identity(repo)?;
                crate::git::room_for_branches(repo, remote.as_deref())?;
                let base = resolve_base(repo, wanted.as_deref(), remote.as_deref())?;
                survey(repo, &base, &scope, &all)
            })
            .await?;
        crash::point(Point::RunSurveyed)?;
        self.remember_limits(ledgers.values());
        self.template = self.template_at(&found.base.commit).await?;
        let closed = self.closed_issues(&found).await;
        leave_alone(&mut found, &closed);
        for (id, why) in &closed {
            let path = found.specs.get(id).map_or(id.as_str(), |s| s.path.as_str());
            let said = format!("{path}: nothing is built: {why}");
            if self.said.insert(said.clone()) {
                self.warn(said);
            }
        }
        self.preflight(&found).await?;
        self.is_first_look = false;
        Ok((found, ledgers, closed))
    }

    /// The repository's own layout of bodies. What the base has counts: nobody's uncommitted edit is published.
    async fn template_at(&self, base: &Oid) -> Result<Option<Arc<Template>>, AppError> {
        let setting = &self.world.settings.pr.template;
        let Some(path) = setting.value.clone() else {
            return Ok(None);
        };
        let wrong = |why: &str, remedy: &str| {
            AppError::setup(format!("{}: {path}: {why}", setting.origin), remedy)
        };
        let (at, file) = (base.clone(), path.clone());
        let read = self.shells.git.call(move |repo| repo.read_file(&at, &file));
        let Some(bytes) = read.await? else {
            return Err(wrong(
                "there is no such file at the base",
                "commit the template and push it, or correct `[pr] template`",
            ));
        };
        let text = String::from_utf8(bytes)
            .map_err(|_| wrong("it is not UTF-8", "save the template as UTF-8"))?;
        let template = Template::parse(&text)
            .map_err(|e| wrong(&e.to_string(), "correct the template and commit it"))?;
        Ok(Some(Arc::new(template)))
    }

    fn load_ledgers(&self) -> Result<BTreeMap<SpecId, Ledger>, AppError> {
        let mut ledgers = BTreeMap::new();
        for id in self.shells.store.list()? {
            match self.shells.store.load(&id, self.shells.clock.now())? {
                Loaded::Absent => {}
                Loaded::Found(ledger) => {
                    ledgers.insert(id, *ledger);
                }
                Loaded::MovedAside { to, why } => {
                    let what = format!(
                        "the ledger of {id} was damaged ({why}); moved to {} and rebuilt from git",
                        to.display()
                    );
                    self.say(EventKind::Repaired { what });
                }
            }
        }
        Ok(ledgers)
    }

    /// The lane of one spec, on the tip of the specs it depends on, and what had to be repaired in it.
    pub(super) async fn lane(
        &self,
        plan: &SpecPlan,
        found: &Survey,
        ledgers: &mut BTreeMap<SpecId, Ledger>,
        base: &SpecBase,
        before: &[Lane],
    ) -> Result<Option<(Lane, Vec<EventKind>)>, AppError> {
        let stacked = match stacked_base(plan, before) {
            Ok(stacked) => stacked,
            Err(why) => {
                self.take_moves(plan, found, ledgers)?;
                let Some(spec) = found.specs.get(&plan.id) else {
                    return Ok(None);
                };
                let plan = SpecPlan {
                    not_built: Some(why),
                    ..plan.clone()
                };
                let recovered = reports::lane(
                    self.policy(),
                    spec,
                    &plan,
                    ledgers.get(&plan.id),
                    self.resume(),
                )?;
                return Ok(Some((recovered.lane, Vec::new())));
            }
        };
        let mut again = match stacked.filter(|b| b != base) {
            None => None,
            Some(on) => {
                let (scope, id, path) = (
                    self.scope.clone(),
                    plan.id.clone(),
                    found.specs.get(&plan.id).map(|s| s.path.clone()),
                );
                let Some(path) = path else { return Ok(None) };
                let ledger = ledgers.get(&plan.id).cloned();
                self.shells
                    .git
                    .call(move |repo| survey_one(repo, &on, &scope, &id, &path, ledger.as_ref()))
                    .await?
                    .map_err(|d| {
                        AppError::setup(format!("{}:{}: {}", d.path, d.line, d.message), d.remedy)
                    })?
            }
        };
        if let Some((spec, alone)) = &mut again {
            self.shells.redactor.redact_spec(alone);
            spec.facts.forge = known(found, &plan.id);
        }
        let (spec, plan) = match (&again, found.specs.get(&plan.id)) {
            (Some((spec, alone)), _) => (
                spec,
                SpecPlan {
                    depends_on: plan.depends_on.clone(),
                    ..alone.clone()
                },
            ),
            (None, Some(spec)) => (spec, plan.clone()),
            (None, None) => return Ok(None),
        };
        self.take_moves(&plan, found, ledgers)?;
        let Recovered {
            mut lane,
            mut repairs,
            warnings,
        } = reports::lane(
            self.policy(),
            spec,
            &plan,
            ledgers.get(&plan.id),
            self.resume(),
        )?;
        repairs.extend(self.catch_up(&lane, &spec.facts).await?);
        // What was repaired is said once. A commit that is about to land needs the intent that stands on disk.
        if !repairs.is_empty() && lane.resume_landing.is_none() {
            self.shells.save(&mut lane.ledger)?;
        }
        // A run that was killed after it had merged these texts, and before it could say so, left this to do.
        if holds_what_was_seen(&lane) {
            remember_seen(&self.shells, &lane).await?;
        }
        let repairs = repairs.into_iter().map(|what| EventKind::Repaired { what });
        let warnings = warnings
            .into_iter()
            .map(|message| EventKind::Warning { message });
        Ok(Some((lane, repairs.chain(warnings).collect())))
    }

    /// Carries out what persons want of the spec's chunks, before recovery looks at them.
    fn take_moves(
        &self,
        plan: &SpecPlan,
        found: &Survey,
        ledgers: &mut BTreeMap<SpecId, Ledger>,
    ) -> Result<(), AppError> {
        if self.shells.mailbox.of_spec(&plan.id)?.is_empty() {
            return Ok(());
        }
        let ledger = ledgers
            .entry(plan.id.clone())
            .or_insert_with(|| reports::first_ledger(found, plan));
        let carrier = Carrier {
            at_work: false,
            run: Some(&self.run),
        };
        Ok(self.shells.carry_out_moves(ledger, plan, carrier)?)
    }

    /// Refuses moves of specs that nobody knows any more. What this run was not asked to look at is left alone.
    pub(super) fn refuse_strays(
        &self,
        found: &Survey,
        ledgers: &BTreeMap<SpecId, Ledger>,
    ) -> Result<(), AppError> {
        // A spec that cannot be read today may be there tomorrow.
        let is_error = |d: &Diagnostic| d.severity == Severity::Error;
        if !self.scope.named.is_empty() || found.plan.diagnostics.iter().any(is_error) {
            return Ok(());
        }
        for letter in self.shells.mailbox.all()? {
            let Ok(asked) = letter.content else { continue };
            if found.specs.contains_key(&asked.spec) || ledgers.contains_key(&asked.spec) {
                continue;
            }
            let refused = EventKind::MoveRefused {
                verb: asked.kind.word().to_owned(),
                who: asked.who,
                why: format!("there is no spec {} any more", asked.spec),
            };
            (self.recorder)(Some(&asked.spec), Some(asked.chunk), refused);
            self.shells.mailbox.remove(&letter.path)?;
        }
        Ok(())
    }

    /// True when somebody asked for something in one of these lanes after it was built.
    pub(super) fn has_mail(&self, lanes: &[Lane]) -> Result<bool, AppError> {
        let letters = self.shells.mailbox.all()?;
        let asked = letters.iter().filter_map(|l| l.content.as_ref().ok());
        let is_ours = |spec: &SpecId| lanes.iter().any(|l| l.ledger.spec == *spec);
        Ok(asked.into_iter().any(|m| is_ours(&m.spec)))
    }

    /// Branches follow the lane; a crash may have come in between. A lane that is not here yet (a fresh clone)
    /// has no branches to keep.
    async fn catch_up(&self, lane: &Lane, facts: &LaneFacts) -> Result<Vec<String>, AppError> {
        if lane.start.lane_ref.is_none() {
            return Ok(Vec::new());
        }
        let open = lane.ledger.prs.iter().filter(|p| !is_over(lane, p));
        let parts: Vec<(String, Oid, bool)> = open
            .map(|p| {
                let is_earlier = facts.earlier_here.contains(&p.branch);
                (p.branch.clone(), p.tip.clone(), is_earlier)
            })
            .collect();
        let caught_up = self
            .shells
            .git
            .call(move |repo| {
                let mut said = Vec::new();
                for (branch, tip, is_earlier) in &parts {
                    let was = match repo.catch_up(branch, tip, *is_earlier)? {
                        CaughtUp::Stands => continue,
                        CaughtUp::WasGone => "was gone",
                        CaughtUp::Lagged => "lagged behind the lane",
                    };
                    let tip = tip.short();
                    said.push(format!("the branch {branch} {was}; it is at {tip} now"));
                }
                Ok(said)
            })
            .await?;
        Ok(caught_up)
    }
}

/// True for a lane whose own text of the spec has everything that the user and the base wrote.
fn holds_what_was_seen(lane: &Lane) -> bool {
    let start = &lane.start;
    let is_current =
        start.sync.is_none() && start.renamed_from.is_none() && start.archive.is_none();
    start.lane_ref.is_some() && lane.tip == start.lane_ref && is_current && lane.restack.is_none()
}
