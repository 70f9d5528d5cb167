//! One page of many rows.

/// A page, and where it ended if there is more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The place of the last row, to go on behind it.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// How many rows to read for a page of `limit`: one more shows whether there is a next one.
    pub(super) fn to_read(limit: usize) -> i64 {
        i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
    }

    pub(super) fn of(mut rows: Vec<T>, limit: usize, place: impl Fn(&T) -> String) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(place);
        Self { items: rows, next }
    }

    /// Leaves out rows that are out of service; whoever goes on does so behind them.
    pub(crate) fn filter_map<U, E>(self, read: impl FnMut(T) -> Result<Option<U>, E>) -> Result<Page<U>, E> {
        let items = self.items.into_iter().map(read).filter_map(Result::transpose).collect::<Result<_, _>>()?;
        Ok(Page { items, next: self.next })
    }
}
