//! Signals that others send to us, for the program that we run. Those of the terminal reach it by themselves, as they reach us.

#[cfg(unix)]
pub(crate) use self::system::Signals;
#[cfg(not(unix))]
pub(crate) use self::without::Signals;

#[cfg(unix)]
mod system {
    use rustix::process::{Pid, Signal, kill_process};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
    use signal_hook::iterator::SignalsInfo;
    use signal_hook::iterator::exfiltrator::WithOrigin;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use crate::failure::Failure;

    /// None of them ends us any more.
    #[derive(Debug)]
    pub(crate) struct Signals(UnboundedReceiver<Sent>);

    #[derive(Debug)]
    pub(crate) struct Sent(i32);

    impl Signals {
        pub(crate) fn sent_to_us() -> Result<Self, Failure> {
            let mut signals = SignalsInfo::<WithOrigin>::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2])
                .map_err(|error| Failure::mend(format!("cannot wait for signals: {error}"), "try again"))?;
            let (sender, receiver) = unbounded_channel();
            std::thread::spawn(move || {
                for origin in signals.forever() {
                    // The terminal sends to all that run in it, the program among them, and is no process.
                    if origin.process.is_some_and(|process| process.pid > 0) {
                        let _ = sender.send(Sent(origin.signal));
                    }
                }
            });
            Ok(Self(receiver))
        }

        pub(crate) async fn next(&mut self) -> Sent {
            match self.0.recv().await {
                Some(sent) => sent,
                None => std::future::pending().await,
            }
        }
    }

    impl Sent {
        /// To a program that has not been waited for, so that nobody else can have its number.
        pub(crate) fn send_to(self, id: Option<u32>) {
            let pid = id.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
            if let (Some(pid), Some(signal)) = (pid, Signal::from_named_raw(self.0)) {
                // It may be gone, which is no trouble.
                let _ = kill_process(pid, signal);
            }
        }
    }
}

#[cfg(not(unix))]
mod without {
    use crate::failure::Failure;

    /// Ctrl-C reaches the program by itself there, and must not end us before it.
    #[derive(Debug)]
    pub(crate) struct Signals;

    #[derive(Debug)]
    pub(crate) struct Sent;

    impl Signals {
        #[expect(clippy::unnecessary_wraps, reason = "the other system's half may refuse")]
        pub(crate) fn sent_to_us() -> Result<Self, Failure> {
            Ok(Self)
        }

        pub(crate) async fn next(&mut self) -> Sent {
            let _ = tokio::signal::ctrl_c().await;
            Sent
        }
    }

    impl Sent {
        #[expect(clippy::unused_self, reason = "the other system's half sends itself")]
        pub(crate) fn send_to(self, _: Option<u32>) {}
    }
}
