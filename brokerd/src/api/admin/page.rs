//! Pages of lists: a cursor that only the list itself reads, and a limit.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use broker_api::List;
use serde::Deserialize;
use utoipa::IntoParams;

/// `?limit=`: how many at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Limit(usize);

/// `?after=`: where an earlier page ended, for clients a word without a meaning.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Cursor(String);

/// The parameters of a list that takes no others.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// `next` of the page before
    #[param(value_type = Option<String>)]
    pub(crate) after: Option<Cursor>,
    /// How many at most; 50 where nothing is said
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    pub(crate) limit: Limit,
}

impl Paging {
    /// The place to go on behind, for lists that are read page by page.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_ref().map(Cursor::place)
    }

    /// One page of what has all been read, in the order of a key that no two have: rows that come and go meanwhile neither repeat others
    /// nor hide them.
    pub(crate) fn page<T>(&self, items: Vec<T>, key: impl Fn(&T) -> String) -> List<T> {
        let mut rest = items;
        rest.sort_by_cached_key(&key);
        if let Some(after) = self.after() {
            rest.retain(|item| key(item).as_str() > after);
        }
        let more = rest.len() > self.limit.0;
        rest.truncate(self.limit.0);
        let next = rest.last().filter(|_| more).map(|last| Cursor(key(last)).to_text());
        List { items: rest, next }
    }
}

impl Limit {
    pub(crate) fn get(self) -> usize {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<String> for Limit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
        number.map(Self).ok_or_else(|| format!("a limit is a whole number from 1 to {MOST}"))
    }
}

impl Cursor {
    pub(crate) fn of(place: String) -> Self {
        Self(place)
    }

    pub(crate) fn place(&self) -> &str {
        &self.0
    }

    pub(crate) fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0)
    }
}

impl TryFrom<String> for Cursor {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NOT_OURS)?;
        let place = String::from_utf8(bytes).map_err(|_| NOT_OURS)?;
        // Ids and names; what else somebody makes up is no place in any list.
        let is_one = place.len() <= LONGEST && place.bytes().all(|byte| byte.is_ascii_graphic());
        if is_one { Ok(Self(place)) } else { Err(NOT_OURS) }
    }
}

const MOST: usize = 200;
const LONGEST: usize = 256;
const NOT_OURS: &str = "this is no `next` of an earlier page of this list";

#[cfg(test)]
mod tests {
    use super::*;

    fn page(items: &[&str], after: Option<&str>, limit: usize) -> (String, Option<String>) {
        let after = after.map(|after| Cursor::try_from(after.to_owned()).unwrap());
        let paging = Paging { after, limit: Limit(limit) };
        let List { items, next } = paging.page(items.to_vec(), |item| (*item).to_owned());
        (items.concat(), next)
    }

    #[test]
    fn pages_neither_repeat_nor_skip_while_rows_come_and_go() {
        let (first, next) = page(&["a", "c", "e", "g"], None, 2);
        assert_eq!(first, "ac");
        // The cursor's own row is gone, one came before it and one behind it.
        let (second, next) = page(&["a", "b", "d", "e", "g"], next.as_deref(), 2);
        assert_eq!(second, "de");
        assert_eq!(page(&["a", "g"], next.as_deref(), 2), ("g".to_owned(), None));
    }

    #[test]
    fn the_last_page_has_no_next() {
        assert_eq!(page(&["a", "b"], None, 2).1, None);
        assert_eq!(page(&[], None, 2), (String::new(), None));
    }

    #[test]
    fn a_cursor_that_is_none_of_ours_is_refused() {
        for bad in ["!", "a", "_w", "AA", "\u{e4}", &"YQ".repeat(1_000)] {
            assert!(Cursor::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        let cursor = Cursor::of("0190a5c8-7f4e".to_owned());
        assert_eq!(Cursor::try_from(cursor.to_text()).unwrap(), cursor);
    }
}
