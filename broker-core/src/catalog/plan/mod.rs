//! What has to change in the store for it to say what the connectors file says.

mod apply;
mod difference;
mod text;

use std::collections::{HashMap, HashSet};
use std::mem::take;

use secrecy::{ExposeSecret, SecretString};

pub(crate) use self::difference::{Difference, difference, written};
use super::{Catalog, FileConnector, FileKey};
use crate::access_key::{AccessKey, KeyDetails, KeyHealth};
use crate::connector::{Connector, ManagedBy};
use crate::id::{AccessKeyId, ConnectorId};
use crate::store::{Damage, DamagedRow, Table};
use crate::vault::{SealBroken, Vault};

pub(crate) use self::apply::REPAIRED;
pub use self::apply::{PlannedAction, PlannedChange, PlannedKind};

/// The way from the store to the file: keys and connectors of the file alone; what the API manages is not touched.
#[derive(Debug)]
pub struct Plan {
    keys: Steps<AccessKey>,
    connectors: Steps<Connector>,
    /// Rows out of service that nothing in the file takes the place of.
    left_damaged: Vec<DamagedRow>,
}

/// Why there is no way. Nothing has been changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error(
        "line {line}: access key `{name}` exists already and is managed by the API: give the file's key another name, or delete that one"
    )]
    KeyOfTheApi { name: String, line: u32 },
    #[error(
        "line {line}: connector `{name}` exists already and is managed by the API: give the file's connector another name, or delete that one"
    )]
    ConnectorOfTheApi { name: String, line: u32 },
    #[error("the secret of access key `{name}` could not be sealed")]
    Seal { name: String },
    #[error(
        "`{name}` stands in the store as a newer release of brokerd wrote it, and this release cannot read it: apply the file with the newer one"
    )]
    Unreadable { name: String },
}

/// What happens to one kind of thing.
#[derive(Debug)]
struct Steps<T> {
    added: Vec<T>,
    /// What takes the place of a row that does not prove to be ours.
    repaired: Vec<(T, DamagedRow)>,
    changed: Vec<Changed<T>>,
    removed: Vec<T>,
    unchanged: usize,
}

/// The new form of something, and the version that it replaces.
#[derive(Debug)]
struct Changed<T> {
    new: T,
    seen: i64,
    difference: Difference,
}

impl Plan {
    /// Compares the file with the store. Opens sealed secrets to compare them, and asks nobody else.
    pub fn of(
        catalog: &Catalog,
        current_keys: &[AccessKey],
        current_connectors: &[Connector],
        vault: &Vault,
    ) -> Result<Self, Vec<PlanError>> {
        let mut errors = Vec::new();
        let keys = keys(&catalog.access_keys, current_keys, vault, &mut errors);
        let connectors = connectors(&catalog.connectors, current_connectors, &mut errors);
        if errors.is_empty() { Ok(Self { keys, connectors, left_damaged: Vec::new() }) } else { Err(errors) }
    }

    /// The same where rows are out of service: what the file adds under the name of a row that is not ours takes its place, for the
    /// file is the operator's and the row is anybody's. It gets an id of its own, so that nothing that was bound to the row is bound
    /// to it.
    pub fn repairing(mut self, damaged: Vec<DamagedRow>) -> Result<Self, Vec<PlanError>> {
        let mut errors = Vec::new();
        for row in damaged {
            let left = match row.table {
                Table::AccessKeys => self.keys.repair(row, |key| key.name.as_str(), &mut errors),
                Table::Connectors => self.connectors.repair(row, |connector| connector.name.as_str(), &mut errors),
                Table::ServiceTokens | Table::LocalUsers | Table::LocalGroups => Some(row),
            };
            self.left_damaged.extend(left);
        }
        self.hold_back();
        if errors.is_empty() { Ok(self) } else { Err(errors) }
    }

    /// Leaves connectors as they are whose key is not there: the database takes no row that names none, and the others are not to wait.
    fn hold_back(&mut self) {
        let Self { connectors, left_damaged, keys: _ } = self;
        let gone: Vec<DamagedRow> = left_damaged.iter().filter(|row| row.damage == Damage::Gone).cloned().collect();
        let waits = |connector: &Connector| gone.iter().any(|row| row.is_called(connector.spec.access_key().as_str()));
        connectors.added.retain(|connector| !waits(connector));
        let before = connectors.changed.len();
        connectors.changed.retain(|step| !waits(&step.new));
        connectors.unchanged += before - connectors.changed.len();
        let (waiting, repaired) = take(&mut connectors.repaired).into_iter().partition(|(new, _)| waits(new));
        connectors.repaired = repaired;
        let waiting: Vec<(Connector, DamagedRow)> = waiting;
        left_damaged.extend(waiting.into_iter().map(|(_, row)| row));
    }

    /// Rows out of service that the file does not mend, for whoever can.
    pub fn left_damaged(&self) -> &[DamagedRow] {
        &self.left_damaged
    }

    /// Whether the store says already what the file says.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.connectors.is_empty()
    }

    /// Whether so many connectors of the file would go that somebody must be asked: all of them, or more than half and at
    /// least three. An empty or a wrong file looks like this.
    pub fn removes_all_or_most(&self) -> bool {
        let removed = self.connectors.removed.len();
        let left = self.connectors.changed.len() + self.connectors.unchanged + self.connectors.repaired.len();
        removed > 0 && left == 0 || removed >= 3 && removed > left
    }
}

impl<T> Steps<T> {
    fn none() -> Self {
        Self { added: Vec::new(), repaired: Vec::new(), changed: Vec::new(), removed: Vec::new(), unchanged: 0 }
    }

    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.repaired.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

impl<T> Steps<T> {
    /// Turns what would be added under a damaged row's name into its repair; hands back the row that nothing is added for.
    fn repair(
        &mut self,
        row: DamagedRow,
        name: impl Fn(&T) -> &str,
        errors: &mut Vec<PlanError>,
    ) -> Option<DamagedRow> {
        let Some(place) = self.added.iter().position(|new| row.is_called(name(new))) else { return Some(row) };
        match row.damage {
            Damage::NotOurs => self.repaired.push((self.added.remove(place), row)),
            Damage::Unreadable => errors.push(PlanError::Unreadable { name: row.shown_name() }),
            // There is nothing whose place it would take.
            Damage::Gone => {}
        }
        None
    }
}

fn keys(file: &[FileKey], current: &[AccessKey], vault: &Vault, errors: &mut Vec<PlanError>) -> Steps<AccessKey> {
    let by_name: HashMap<&str, &AccessKey> = current.iter().map(|key| (key.name.as_str(), key)).collect();
    let mut steps = Steps::none();
    for key in file {
        let name = key.name.as_str();
        let made = match by_name.get(name) {
            Some(known) if known.managed_by == ManagedBy::Api => {
                errors.push(PlanError::KeyOfTheApi { name: name.to_owned(), line: key.line });
                continue;
            }
            Some(known) => changed_key(key, known, vault).map(|step| match step {
                Some(step) => steps.changed.push(step),
                None => steps.unchanged += 1,
            }),
            None => sealed(key, AccessKeyId::random(), 1, key.details.clone(), vault).map(|key| steps.added.push(key)),
        };
        if made.is_err() {
            errors.push(PlanError::Seal { name: name.to_owned() });
        }
    }
    let kept: HashSet<&str> = file.iter().map(|key| key.name.as_str()).collect();
    let gone = current.iter().filter(|key| key.managed_by == ManagedBy::File && !kept.contains(key.name.as_str()));
    steps.removed.extend(gone.cloned());
    steps
}

/// Nothing, where neither the details nor the secret differ: then the generation stays, and what was derived from it too.
fn changed_key(key: &FileKey, known: &AccessKey, vault: &Vault) -> Result<Option<Changed<AccessKey>>, SealBroken> {
    let details = known.details.replaced_unproved(key.details.clone());
    let mut difference = difference(&written(&known.details), &written(&details));
    // What does not open is replaced by what does.
    if !known.open(vault).is_ok_and(|secret| is_same_secret(&secret, &key.secret)) {
        difference.note_secret();
    }
    if difference.is_empty() {
        return Ok(None);
    }
    let new = sealed(key, known.id, known.generation.saturating_add(1), details, vault)?;
    Ok(Some(Changed { new, seen: known.generation, difference }))
}

fn is_same_secret(one: &SecretString, other: &SecretString) -> bool {
    let (one, other) = (one.expose_secret().as_bytes(), other.expose_secret().as_bytes());
    aws_lc_rs::constant_time::verify_slices_are_equal(one, other).is_ok()
}

fn sealed(
    key: &FileKey,
    id: AccessKeyId,
    generation: i64,
    details: KeyDetails,
    vault: &Vault,
) -> Result<AccessKey, SealBroken> {
    let sealed = details.seal(vault, id, &key.secret)?;
    let (name, health) = (key.name.clone(), KeyHealth::default());
    Ok(AccessKey { id, name, generation, managed_by: ManagedBy::File, details, sealed, health })
}

fn connectors(file: &[FileConnector], current: &[Connector], errors: &mut Vec<PlanError>) -> Steps<Connector> {
    let by_name: HashMap<&str, &Connector> = current.iter().map(|known| (known.name.as_str(), known)).collect();
    let mut steps = Steps::none();
    for FileConnector { name, spec, line } in file {
        let made = |id, revision| Connector {
            id,
            name: name.clone(),
            revision,
            managed_by: ManagedBy::File,
            spec: spec.clone(),
        };
        match by_name.get(name.as_str()) {
            Some(known) if known.managed_by == ManagedBy::Api => {
                errors.push(PlanError::ConnectorOfTheApi { name: name.to_string(), line: *line });
            }
            Some(known) if known.spec == *spec => steps.unchanged += 1,
            Some(known) => steps.changed.push(Changed {
                new: made(known.id, known.revision.saturating_add(1)),
                seen: known.revision,
                difference: difference(&written(&known.spec), &written(spec)),
            }),
            None => steps.added.push(made(ConnectorId::random(), 1)),
        }
    }
    let kept: HashSet<&str> = file.iter().map(|connector| connector.name.as_str()).collect();
    let gone =
        current.iter().filter(|known| known.managed_by == ManagedBy::File && !kept.contains(known.name.as_str()));
    steps.removed.extend(gone.cloned());
    steps
}

#[cfg(test)]
mod tests;
