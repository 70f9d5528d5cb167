//! A list in pages, as the SSO portal has them: whoever shows the token of a page gets what comes after it.

use serde::Deserialize;

/// How many a page may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct MaxResult(usize);

impl Default for MaxResult {
    fn default() -> Self {
        Self(MOST)
    }
}

impl TryFrom<String> for MaxResult {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
        number.map(Self).ok_or("max_result is a number from 1 to 100")
    }
}

/// One page of what stands in order, and the token of the next. A token is the key of a page's last entry, which may be gone by then.
pub(super) fn page<'t, T>(
    sorted: impl Iterator<Item = &'t T>,
    key: impl Fn(&T) -> &str,
    after: Option<&str>,
    MaxResult(most): MaxResult,
) -> (Vec<&'t T>, Option<String>) {
    let mut rest = sorted.skip_while(|entry| after.is_some_and(|after| key(entry) <= after));
    let entries: Vec<&T> = rest.by_ref().take(most).collect();
    let next = entries.last().filter(|_| rest.next().is_some()).map(|last| key(last).to_owned());
    (entries, next)
}

const MOST: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let all: std::collections::BTreeSet<String> = (0..2_000).map(|number| format!("{number:04}")).collect();
        let (mut seen, mut after, mut pages) = (Vec::new(), None::<String>, 0);
        loop {
            let (entries, next) = page(all.iter(), String::as_str, after.as_deref(), MaxResult::default());
            seen.extend(entries.into_iter().cloned());
            pages += 1;
            let Some(next) = next else { break };
            after = Some(next);
        }
        assert_eq!((seen, pages), (all.iter().cloned().collect(), 20));
        let (none, next) = page(all.iter(), String::as_str, Some("9"), MaxResult::default());
        assert!(none.is_empty() && next.is_none());
    }

    #[test]
    fn a_page_has_one_to_a_hundred() {
        let parse = |text: &str| MaxResult::try_from(text.to_owned());
        assert_eq!((parse("1"), parse("100")), (Ok(MaxResult(1)), Ok(MaxResult(100))));
        for bad in ["0", "101", "-1", "", "x", "1.0", "99999999999999999999999"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
