//! What is logged on this thread while something is asked.

use std::io::Write;
use std::sync::{Arc, Mutex};

/// The log, and the answer. The test's runtime has one thread.
pub async fn logged<T>(ask: impl Future<Output = T>) -> (String, T) {
    // While there is one subscriber alone, whoever comes first to a line of code decides for good whether it is heard: be it another
    // test, on a thread that hears nothing.
    let _ = tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::default());
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let answer = ask.await;
    drop(guard);
    let written = log.0.lock().unwrap().clone();
    (String::from_utf8(written).unwrap(), answer)
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
