//! The connectors file: read whole or refused with all its mistakes, compared with the store, and applied as one change.

mod access_key;
mod connector;
mod plan;
mod policy;
mod read;

use std::path::Path;

use secrecy::SecretString;

use crate::access_key::{AccessKey, KeyDetails};
use crate::connector::ConnectorSpec;
use crate::file::{Document, Environment, FileError, FileWarning, Source};
use crate::name::{AccessKeyName, ConnectorName, DirectoryName};
use crate::store::Found;

#[doc(hidden)]
pub use self::access_key::KeyFields;
pub use self::connector::{NotToldApart, not_told_apart};
pub(crate) use self::plan::{Difference, REPAIRED, difference, written};
pub use self::plan::{Plan, PlanError, PlannedAction, PlannedChange, PlannedKind};

/// What the file's contents are checked against.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The configured directories: a group is of one of them.
    pub directories: &'a [DirectoryName],
    /// A second folder that files may be referred to in, beside the connectors file's own.
    pub secrets_folder: Option<&'a Path>,
    /// Where `{ env = … }` looks.
    pub environment: &'a Environment,
    /// The store's keys, those of the API being what connectors of the file may name as well. So may those that are out of
    /// service, with a warning: whoever can damage a row must not keep the other connectors from being served. Without any, a
    /// key that is not in the file is worth a warning only: nobody has looked.
    pub stored_keys: Option<&'a Found<AccessKey>>,
}

/// What a connectors file says, every part of it legal.
#[derive(Debug)]
pub struct Catalog {
    pub access_keys: Vec<FileKey>,
    pub connectors: Vec<FileConnector>,
    pub warnings: Vec<FileWarning>,
}

/// An access key as the file describes it. AWS has not been asked whose it is.
#[derive(Debug)]
pub struct FileKey {
    pub name: AccessKeyName,
    pub details: KeyDetails,
    pub secret: SecretString,
    pub line: u32,
}

/// A connector as the file describes it.
#[derive(Debug)]
pub struct FileConnector {
    pub name: ConnectorName,
    pub spec: ConnectorSpec,
    pub line: u32,
}

/// Reads a connectors file and everything that it refers to. Asks neither AWS nor the store.
pub fn read(path: &Path, context: &Context<'_>) -> Result<Catalog, Vec<FileError>> {
    let source = Source::read(path, MAX_FILE).map_err(|error| vec![error])?;
    let Document { table, .. } = Document::parse(&source)?;
    read::Reader::new(&source, context).read(table)
}

/// Room for 100,000 connectors of 1.3 KiB each, twice what one with every field takes; long policies have files of their own.
const MAX_FILE: u64 = 128 << 20;

#[cfg(test)]
mod tests;
