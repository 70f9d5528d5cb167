//! What a list shows: the rows that are in order and, behind them, those that are damaged.

use broker_core::store::DamagedRow;
use serde::Serialize;

use super::{damaged, output};

/// One of either.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Line<T> {
    Good(T),
    Damaged(damaged::Shown),
}

/// As JSON, or as a table. Of a damaged row it says what stands under `NAME`, `ID` and `STATE`; nothing else of it counts.
pub(super) fn show<T: Serialize, const N: usize>(
    json: bool,
    good: Vec<T>,
    damaged: &[DamagedRow],
    heads: [&str; N],
    row: impl Fn(T) -> [String; N],
) -> anyhow::Result<()> {
    if json {
        let damaged = damaged.iter().map(|row| Line::Damaged(damaged::Shown::of(row)));
        return output::json(&good.into_iter().map(Line::Good).chain(damaged).collect::<Vec<_>>());
    }
    let damaged = damaged.iter().map(|row| {
        heads.map(|head| match head {
            "NAME" => row.shown_name(),
            "ID" => row.shown_id(),
            "STATE" => damaged::state(row),
            _ => "-".to_owned(),
        })
    });
    let rows: Vec<_> = good.into_iter().map(row).chain(damaged).collect();
    Ok(output::table(heads, &rows)?)
}
