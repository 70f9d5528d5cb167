//! The connector that a command is about: the one that is named, or the one that whoever sits there chooses of their own.

use std::cmp::Reverse;
use std::fmt;
use std::io::{self, IsTerminal};

use inquire::{InquireError, Select};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::api::Broker;
use crate::failure::{Failure, Next};
use crate::lent::AccountId;
use crate::listed::{Listed, Matcher, matching};
use crate::name::ConnectorName;
use crate::renewal;
use crate::site::{Site, variable};
use crate::used::Used;

/// Asks on standard error, for standard output may be a shell's. With `--json`, and where no terminal is, nobody is asked.
pub(crate) async fn named_or_chosen(
    named: Option<ConnectorName>,
    site: &Site,
    json: bool,
    fits: fn(&Listed) -> bool,
) -> Result<ConnectorName, Failure> {
    if let Some(named) = named {
        return Ok(named);
    }
    if json || !somebody_is_there() {
        return Err(Failure::usage("no connector is named", NAME_ONE));
    }
    let holder = renewal::holder(site).await?;
    let mut listed = matching(Broker::of(site)?.connectors(&holder).await?, None);
    listed.retain(fits);
    if listed.is_empty() {
        return Err(Failure::new(Next::AskFor, "there is no connector that you may use for this", NAME_ONE));
    }
    let used = Used::by(site, &holder);
    listed.sort_by_key(|one| Reverse(used.times(&one.name)));
    choose(listed)
}

fn somebody_is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal() && variable("TERM").is_none_or(|kind| kind != "dumb")
}

fn choose(listed: Vec<Listed>) -> Result<ConnectorName, Failure> {
    let (width, height) = crossterm::terminal::size().unwrap_or(USUAL);
    let names = listed.iter().map(|one| one.name.as_str().width()).max().unwrap_or_default();
    let row = |listed: Listed| Row { shown: shown(&listed, names, usize::from(width).saturating_sub(MARGIN)), listed };
    let matcher = Matcher::default();
    let chosen = Select::new("Connector:", listed.into_iter().map(row).collect())
        .with_page_size(usize::from(height.saturating_sub(AROUND).clamp(1, LINES)))
        .with_help_message("type to search, ↑↓ and enter to choose, esc to leave")
        .with_scorer(&|letters, row: &Row, _, _| matcher.score(&row.listed, letters))
        // Those that fit alike stay as they were.
        .with_sorter(&|found| found.sort_by_key(|(place, score)| (Reverse(*score), *place)))
        .with_formatter(&|row| row.value.listed.name.to_string())
        .prompt();
    match chosen {
        Ok(row) => Ok(row.listed.name),
        Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => {
            Err(Failure::new(Next::Choose, "no connector was chosen", "choose one, or name it"))
        }
        Err(error) => Err(Failure::mend(format!("cannot ask on this terminal: {error}"), NAME_ONE)),
    }
}

/// A line of the list.
struct Row {
    listed: Listed,
    shown: String,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Cut where the terminal ends: a line that goes on in the next one would push others out.
fn shown(one: &Listed, names: usize, width: usize) -> String {
    let account = one.account_id.as_ref().map_or("", AccountId::as_str);
    let whole = format!("{:names$}  {account:12}  {}", one.name.as_str(), one.description);
    let mut used = 0;
    let fits = whole.chars().take_while(|char| {
        used += char.width().unwrap_or_default();
        used <= width
    });
    fits.collect::<String>().trim_end().to_owned()
}

const NAME_ONE: &str = "name one; `broker ls` lists yours";
/// Columns and lines, where the terminal does not say.
const USUAL: (u16, u16) = (80, 24);
/// Columns: of the mark before a line, and one so that no terminal breaks it.
const MARGIN: usize = 3;
/// Lines that are not of the list: the question, the help, and those of before.
const AROUND: u16 = 4;
const LINES: u16 = 12;
