//! Whose second factors are meant: by the name under which somebody signs in, as their directory has it now, or by the id that it keeps for good.

use std::sync::Arc;

use anyhow::{Context, bail};
use broker_core::caller::Subject;
use broker_core::directory::{Directory, Found, Standing, TypedName, Unavailable};
use broker_core::name::DirectoryName;

use crate::cli::output;

/// Somebody, and what their directory calls them at present.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) subject: Subject,
    /// Nothing where it cannot be said.
    pub(super) username: Option<String>,
}

/// Who is meant by `DIRECTORY/NAME` or `DIRECTORY/ID`; the directory may be left out where there is but one. An id of somebody who has
/// something enrolled needs no directory to be asked.
pub(super) async fn meant(text: &str, enrolled: &[Subject], directories: &[Arc<dyn Directory>]) -> anyhow::Result<Who> {
    if let Some(subject) = enrolled.iter().find(|subject| subject.to_string() == text) {
        let username = name_of(subject, directories).await.unwrap_or_default();
        return Ok(Who { subject: subject.clone(), username });
    }
    let shown = output::fit(text);
    let (directory, typed) = match (text.split_once('/'), directories) {
        (Some((directory, typed)), all) => (all.iter().find(|known| known.name().as_str() == directory), typed),
        (None, [only]) => (Some(only), text),
        (None, _) => bail!("`{shown}` names no directory: write DIRECTORY/NAME"),
    };
    let directory = directory.with_context(|| {
        format!("`{shown}` is of no directory of the configuration, and nobody of that id has anything enrolled")
    })?;
    let typed = TypedName::parse(typed).context("this cannot be a user name")?;
    let found = directory.describe(&typed).await.with_context(|| {
        format!("who `{shown}` is cannot be told now: name them by the ID that `brokerd second-factors list` shows")
    })?;
    match found {
        Found::One(description) => {
            let person = description.person.with_context(|| {
                format!("the directory's entry of `{shown}` cannot be used: name them by the ID that `brokerd second-factors list` shows")
            })?;
            Ok(Who { subject: person.subject, username: Some(person.username) })
        }
        Found::Nobody => bail!("directory `{}` knows nobody called `{shown}`", directory.name()),
        Found::Several => bail!(
            "directory `{}` has more than one entry for `{shown}`: name them by the ID that `brokerd second-factors list` shows",
            directory.name()
        ),
    }
}

/// What people are called at present, each asked of their own directory. One that does not answer is asked once.
pub(super) async fn names_of(
    subjects: &[Subject],
    directories: &[Arc<dyn Directory>],
) -> (Vec<Option<String>>, Vec<Unavailable>) {
    let (mut names, mut silent) = (Vec::new(), Vec::<Unavailable>::new());
    for subject in subjects {
        let is_silent = |name: &DirectoryName| silent.iter().any(|error| error.directory == *name);
        names.push(if is_silent(&subject.directory) {
            None
        } else {
            name_of(subject, directories).await.unwrap_or_else(|error| {
                silent.push(error);
                None
            })
        });
    }
    (names, silent)
}

async fn name_of(subject: &Subject, directories: &[Arc<dyn Directory>]) -> Result<Option<String>, Unavailable> {
    let Some(directory) = directories.iter().find(|known| *known.name() == subject.directory) else { return Ok(None) };
    Ok(match directory.look_up(&subject.id).await? {
        Standing::Good(attested) => Some(attested.person.username),
        Standing::Disabled | Standing::Gone => None,
    })
}
