//! The connectors file becomes what is in service: planned, agreed to, and done as one change.

use super::Administration;
use crate::catalog::{Catalog, Plan, PlanError, PlannedAction};
use crate::permission::Administrator;
use crate::store::StoreError;
use crate::trail::TrailError;

/// Why the file does not count. What was in service before still is.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("the connectors file cannot be applied: {}", told(.0))]
    Plan(Vec<PlanError>),
    /// It looks like an empty or a wrong file, and nobody is there to be asked.
    #[error(
        "the connectors file would remove all or most connectors, so it is not applied: if it is meant, run `brokerd apply`"
    )]
    RemovesMost,
    /// What somebody agreed to is not what would be done now.
    #[error("someone else made changes meanwhile, and the plan is another one now: look at it again")]
    AnotherPlan,
    #[error(
        "someone else makes changes all the while, or a row that is out of service still uses a key that is to go: `brokerd apply --dry-run` names such rows (the log has `alarm`); restore or delete them, then try again"
    )]
    Contended,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Trail(TrailError),
}

/// How an attempt ended that changed nothing: try again, or not.
enum Attempt {
    Again,
    Failed(ApplyError),
}

impl Administration {
    /// What has to change for the store to say what the file says.
    pub async fn plan(&self, catalog: &Catalog) -> Result<Plan, ApplyError> {
        let (keys, connectors) = (self.store.all_access_keys().await?, self.store.all_connectors().await?);
        let tokens = self.store.all_service_tokens().await?;
        let damaged = [keys.damaged, connectors.damaged, tokens.damaged].concat();
        let plan = Plan::of(catalog, &keys.good, &connectors.good, &self.vault);
        plan.and_then(|plan| plan.repairing(damaged)).map_err(ApplyError::Plan)
    }

    /// Does what somebody has seen and agreed to, or nothing. When others made changes meanwhile, it is done all the same as long as
    /// it is still the same.
    pub async fn apply(&self, catalog: &Catalog, agreed: Plan, by: &Administrator) -> Result<(), ApplyError> {
        let expected = agreed.changes();
        let mut plan = agreed;
        for _ in 0..ATTEMPTS {
            match self.attempt(&plan, by).await {
                Ok(()) => return Ok(()),
                Err(Attempt::Failed(error)) => return Err(error),
                Err(Attempt::Again) => plan = self.plan(catalog).await?,
            }
            if !plan.is_empty() && plan.changes() != expected {
                return Err(ApplyError::AnotherPlan);
            }
        }
        Err(ApplyError::Contended)
    }

    /// The same with nobody to be asked, at start and on SIGHUP: whatever the file says, unless it would remove all or most. Says
    /// what was done.
    pub async fn apply_unattended(&self, catalog: &Catalog, by: &Administrator) -> Result<Plan, ApplyError> {
        for _ in 0..ATTEMPTS {
            let plan = self.plan(catalog).await?;
            if plan.removes_all_or_most() {
                return Err(ApplyError::RemovesMost);
            }
            match self.attempt(&plan, by).await {
                Ok(()) => return Ok(plan),
                Err(Attempt::Failed(error)) => return Err(error),
                Err(Attempt::Again) => {}
            }
        }
        Err(ApplyError::Contended)
    }

    async fn attempt(&self, plan: &Plan, by: &Administrator) -> Result<(), Attempt> {
        let applied = plan.apply(&self.store, &self.trail, by).await;
        if applied.is_ok() {
            for change in plan.changes().into_iter().filter(|change| change.action == PlannedAction::Repaired) {
                let (kind, name) = (change.kind.as_str(), change.name);
                tracing::error!(
                    kind,
                    name,
                    alarm = "forged_row",
                    "the connectors file took the place of a row that did not prove to be ours"
                );
            }
        }
        applied.map_err(|error| match error {
            // Somebody else changed a row, took a name, or began or ceased to use a key: it is to be looked at again.
            TrailError::Change(StoreError::Stale | StoreError::Taken | StoreError::InUse) => Attempt::Again,
            TrailError::Change(error @ (StoreError::Forged { .. } | StoreError::Away(_) | StoreError::Database(_))) => {
                Attempt::Failed(error.into())
            }
            error @ (TrailError::Unwritten(_) | TrailError::Closed) => Attempt::Failed(ApplyError::Trail(error)),
        })
    }
}

fn told(errors: &[PlanError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Two nodes that start at once need two; more is a storm.
const ATTEMPTS: usize = 5;
