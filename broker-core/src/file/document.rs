//! Reads typed values from spanned TOML and goes on after a mistake, so that five mistakes are five errors.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::fault::{self, Path, Step};
use super::{FileError, MAX_ERRORS, Source};

/// A TOML file, taken apart but not yet understood.
#[derive(Debug)]
pub struct Document<'s> {
    pub source: &'s Source,
    pub table: DeTable<'s>,
}

/// What came of reading a value.
#[derive(Debug)]
pub struct Reading<T> {
    /// With mistakes in `errors` this is what is left without them, for further checks and nothing else.
    pub value: Option<T>,
    pub errors: Vec<FileError>,
}

impl<'s> Document<'s> {
    /// Tells every mistake of TOML's own grammar.
    pub fn parse(source: &'s Source) -> Result<Self, Vec<FileError>> {
        let first = match DeTable::parse(source.text()) {
            Ok(table) => return Ok(Self { source, table: table.into_inner() }),
            Err(error) => error,
        };
        // The parser keeps every mistake it finds: in a large file that is no TOML at all, too many.
        let errors =
            if source.text().len() > MAX_RECOVERED { vec![first] } else { DeTable::parse_recoverable(source.text()).1 };
        let told = errors.iter().take(MAX_ERRORS).map(|error| {
            let text = format!("this is not TOML: {}", error.message());
            source.remark(error.span().map(|span| span.start), "", &text)
        });
        Err(told.collect())
    }

    /// Reads the whole file as one type.
    pub fn read<T: DeserializeOwned>(&self) -> Reading<T> {
        read(self.source, &Spanned::new(0..0, DeValue::Table(self.table.clone())), "")
    }

    /// Where a key stands, or the nearest table around it that exists.
    pub fn offset_of(&self, keys: &[&str]) -> Option<usize> {
        let (first, rest) = keys.split_first()?;
        let (key, value) = self.table.get_key_value(*first)?;
        Some(offset_below(key.span().start, value.get_ref(), rest))
    }

    /// Where a key stands in the entry of `[[list]]` that begins at `entry`, or the nearest table around it that exists.
    pub fn offset_in_entry(&self, list: &str, entry: usize, keys: &[&str]) -> usize {
        let entries = self.table.get(list).and_then(|value| value.get_ref().as_array());
        let found = entries.and_then(|entries| entries.iter().find(|value| value.span().start == entry));
        found.map_or(entry, |value| offset_in(value, keys))
    }
}

/// Where a key below this value stands, or the nearest table around it that exists.
pub fn offset_in(value: &Spanned<DeValue<'_>>, keys: &[&str]) -> usize {
    offset_below(value.span().start, value.get_ref(), keys)
}

fn offset_below(here: usize, value: &DeValue<'_>, keys: &[&str]) -> usize {
    let Some((first, rest)) = keys.split_first() else { return here };
    match value.as_table().and_then(|table| table.get_key_value(*first)) {
        Some((key, value)) => offset_below(key.span().start, value.get_ref(), rest),
        None => here,
    }
}

/// Reads one value. After a mistake the wrong part is left out and the rest is read again; what follows from the
/// omission alone is not told.
pub fn read<T: DeserializeOwned>(source: &Source, value: &Spanned<DeValue<'_>>, about: &str) -> Reading<T> {
    let mut left = Cow::Borrowed(value);
    let mut errors = Vec::new();
    let mut omitted = Omitted::default();
    while errors.len() < MAX_ERRORS {
        let error = match T::deserialize(ValueDeserializer::from(left.as_ref().clone())) {
            Ok(value) => return Reading { value: Some(value), errors },
            Err(error) => error,
        };
        let span = error.span().unwrap_or_else(|| value.span());
        let mut path = fault::locate(&left, &span).unwrap_or_default();
        // A document as a whole has no place.
        let mut place = (!span.is_empty()).then_some(span.start);
        // What is wrong with a table as a whole is told of the key that it is about; and then the other keys are looked at.
        let named = fault::first_named(&left, &path, error.message());
        let is_explained = omitted.explains(&left, &path, named.as_ref(), error.message());
        if let Some((key, at)) = named.filter(|_| !is_explained) {
            (path, place) = (key, Some(at));
        }
        if !is_explained {
            errors.push(source.remark(place, &fault::about(about, &path), &fault::in_words(error.message())));
        }
        if !omitted.leave_out(left.to_mut(), path) {
            break;
        }
    }
    Reading { value: None, errors }
}

/// What has been left out so far.
#[derive(Default)]
struct Omitted {
    exactly: HashSet<Path>,
    below: HashSet<Path>,
}

impl Omitted {
    /// Whether a mistake may be there only because something is not.
    fn explains(&self, left: &Spanned<DeValue<'_>>, path: &Path, named: Option<&(Path, usize)>, message: &str) -> bool {
        if let Some(field) = fault::missing_field(message) {
            return self.exactly.contains(&fault::below(path, field));
        }
        let is_container = matches!(fault::get(left, path), Some(DeValue::Table(_) | DeValue::Array(_)));
        // A message about a key that is there follows only from another one that it names.
        let follows = |(key, _): &(Path, usize)| {
            let around = key.split_last().map_or(&[][..], |(_, around)| around);
            fault::words(message).any(|word| self.exactly.contains(&fault::below(around, word)))
        };
        is_container && self.below.contains(path) && named.is_none_or(follows)
    }

    /// Says whether there was something to leave out: the whole cannot be.
    fn leave_out(&mut self, left: &mut Spanned<DeValue<'_>>, path: Path) -> bool {
        if !fault::remove(left, &path) {
            return false;
        }
        // Below a list the numbers shift: what was known of the one left out is not true of the one that follows.
        self.below.retain(|known| !known.starts_with(&path));
        self.exactly.retain(|known| !known.starts_with(&path));
        for length in 0..path.len() {
            self.below.extend(path.get(..length).map(<[Step]>::to_vec));
        }
        self.exactly.insert(path);
        true
    }
}

/// Up to here every mistake of grammar is looked for; beyond, the first is enough.
const MAX_RECOVERED: usize = 1 << 20;

#[cfg(test)]
mod tests;
