//! Groups as people write them: with their directory, or bare where there is but one.

use crate::character::is_hidden;
use crate::name::{DirectoryName, Group, NameError};

/// The text does not name a group of a configured directory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    #[error("no directory is called `{directory}`: a group is DIRECTORY/GROUP, of {known}")]
    UnknownDirectory { directory: String, known: String },
    #[error("`{group}` does not say of which directory: write DIRECTORY/{group}, of {known}")]
    Bare { group: String, known: String },
    #[error(transparent)]
    Name(#[from] NameError),
}

/// Reads a group; a bare name is legal only where exactly one directory is configured.
pub fn group(text: &str, directories: &[DirectoryName]) -> Result<Group, GroupError> {
    let known = || match directories {
        [] => "none, for none is configured".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    };
    // A directory may have such a group; nobody who reads this file would know which one it is.
    if text.chars().any(is_hidden) {
        return Err(NameError::NotAGroup(text.to_owned()).into());
    }
    match (text.split_once('/'), directories) {
        (Some((directory, name)), _) => match directories.iter().find(|known| known.as_str() == directory) {
            Some(directory) => Ok(Group::new(directory.clone(), name.trim())?),
            None => Err(GroupError::UnknownDirectory { directory: directory.to_owned(), known: known() }),
        },
        (None, [only]) => Ok(Group::new(only.clone(), text.trim())?),
        (None, _) => Err(GroupError::Bare { group: text.to_owned(), known: known() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_what_one_reads() {
        let corp = ["corp".to_owned().try_into().unwrap()];
        assert_eq!(group("corp/release", &corp).unwrap().to_string(), "corp/release");
        for hidden in ["corp/rel\u{200b}ease", "corp/\u{202e}esaeler", "release\u{2028}", "corp/a\u{7}"] {
            assert!(matches!(group(hidden, &corp), Err(GroupError::Name(NameError::NotAGroup(_)))), "{hidden:?}");
        }
    }
}
