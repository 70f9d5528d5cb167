//! `broker man`: the manual, made from what the arguments say of themselves.

use std::path::PathBuf;

use clap::{Args, Command};

use super::usage::no_json;
use crate::failure::Failure;
use crate::out;

/// Write the manual's pages
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, arg = no_json())]
pub(super) struct Man {
    /// Write a page for each subcommand into this folder; without it, the first page is printed
    #[arg(long, value_name = "PATH")]
    directory: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self, command: Command) -> Result<(), Failure> {
        let Some(folder) = self.directory else {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            return out::raw(&page);
        };
        clap_mangen::generate_to(command, &folder).map_err(|error| {
            Failure::mend(format!("cannot write into {}: {error}", folder.display()), "name a folder that is there")
        })
    }
}

const EXAMPLES: &str = r"Examples:
  mkdir -p ~/.local/share/man/man1 && broker man --directory ~/.local/share/man/man1
  man broker-exec";
