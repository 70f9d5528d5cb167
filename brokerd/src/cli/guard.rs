//! What the daemon asks of the system for its own sake: that nobody reads its memory, and that it may open what it needs.

use anyhow::Context;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{CapabilitySet, capabilities};

use crate::config::Limits;

/// A core file would hold every secret that is in memory; so would whatever another process of the same user reads there.
pub(super) fn keep_memory_to_ourselves() -> anyhow::Result<()> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).context("core dumps cannot be switched off")?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("the memory cannot be closed to other processes")
}

/// Keeps secrets off the disk that the system swaps to, where it lets us; says so in the log either way. Only what is used is
/// locked, so that this costs no memory.
pub(super) fn keep_memory_out_of_swap() {
    // With a limit, memory that is wanted later would be refused, so it is all or nothing. Who has the capability has no limit.
    let unlimited = Rlimit { current: None, maximum: None };
    let capable = capabilities(None).is_ok_and(|ours| ours.effective.contains(CapabilitySet::IPC_LOCK));
    let may =
        capable || getrlimit(Resource::Memlock).current.is_none() || setrlimit(Resource::Memlock, unlimited).is_ok();
    let locked = may && mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT).is_ok();
    if locked {
        tracing::info!("memory is kept out of swap");
    } else {
        tracing::warn!(
            "memory may be swapped to disk, and secrets with it: let the process lock it (LimitMEMLOCK=infinity), or switch swap off"
        );
    }
}

/// Lets the process open as many files as its connections need, or takes on as many connections as it may open files for.
pub(super) fn within_open_files(limits: Limits) -> Limits {
    let wanted = u64::try_from(limits.connections).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= wanted);
    if enough(current) {
        return limits;
    }
    let raised = Rlimit { current: Some(maximum.map_or(wanted, |most| most.min(wanted))), maximum };
    let current = if setrlimit(Resource::Nofile, raised).is_ok() { raised.current } else { current };
    if enough(current) {
        return limits;
    }
    let open = current.unwrap_or(wanted);
    let left = usize::try_from(open.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX).max(FEWEST);
    tracing::warn!(
        open_files = open,
        connections = left,
        "the process may open too few files for limits.connections: fewer are taken (LimitNOFILE allows more)"
    );
    Limits { connections: left, connections_per_address: limits.connections_per_address.min(left), ..limits }
}

/// For the store, directories, AWS and the log.
const OTHER_FILES: u64 = 256;
const FEWEST: usize = 16;
