//! What `strace -f -ttt -yy -o FILE` wrote: system calls, each with its place among all others at its beginning and at its end.

/// The options under which a trace can be read here; the file is to follow. The traced program stays the child of whoever starts it.
pub const OPTIONS: [&str; 9] = ["-D", "-f", "-ttt", "-yy", "-s", "65536", "-e", CALLS, "-o"];
const CALLS: &str = "trace=read,recvfrom,recvmsg,readv,write,writev,sendto,sendmsg,pwrite64,pwritev,fsync,fdatasync";

/// A system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub thread: u32,
    pub name: String,
    /// What its first argument refers to: a path, or both ends of a connection.
    pub on: String,
    pub arguments: String,
    /// Nothing if it never returned.
    pub result: Option<i64>,
    /// In the order of the whole trace: by lines, which are written as things happen. Times have only microseconds.
    pub begun: usize,
    /// The last line of all, if it never returned.
    pub ended: usize,
}

/// Reads a trace. Panics at a line that cannot be understood: a proof must not rest on half a trace.
pub fn read(trace: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut times = std::collections::BTreeMap::new();
    for (number, line) in trace.lines().enumerate() {
        let understand = || -> Option<(u32, f64, &str)> {
            let (thread, rest) = line.trim_start().split_once(' ')?;
            let (time, what) = rest.trim_start().split_once(' ')?;
            Some((thread.parse().ok()?, time.parse().ok()?, what))
        };
        let (thread, time, what) = understand().unwrap_or_else(|| panic!("line {number} is no event: {line}"));
        let before = times.insert(thread, time).unwrap_or(time);
        assert!(before <= time, "line {number} goes back in time: {line}");
        // Signals, and the ends of threads and of the program.
        if what.starts_with(['-', '+']) {
            continue;
        }
        if let Some(rest) = what.strip_prefix("<... ") {
            let call = calls.iter_mut().rev().find(|call| call.thread == thread && call.result.is_none());
            let call = call.unwrap_or_else(|| panic!("line {number} ends what has not begun: {line}"));
            let (name, rest) = rest.split_once(" resumed>").unwrap_or_else(|| panic!("line {number}: {line}"));
            assert_eq!(name, call.name, "line {number}: {line}");
            let (arguments, result) = returned(rest).unwrap_or_else(|| panic!("line {number} has no result: {line}"));
            // What a call reads is known only when it returns.
            call.arguments.push_str(arguments);
            (call.result, call.ended) = (result, number);
            continue;
        }
        let (name, rest) = what.split_once('(').unwrap_or_else(|| panic!("line {number} is no call: {line}"));
        let (arguments, result) = match rest.strip_suffix(" <unfinished ...>") {
            Some(arguments) => (arguments, None),
            None => returned(rest).unwrap_or_else(|| panic!("line {number} has no result: {line}")),
        };
        let on = target(arguments);
        let ended = if result.is_some() { number } else { usize::MAX };
        calls.push(Call {
            thread,
            name: name.to_owned(),
            on,
            arguments: arguments.to_owned(),
            result,
            begun: number,
            ended,
        });
    }
    calls
}

impl Call {
    pub fn is_one_of(&self, names: &[&str]) -> bool {
        names.contains(&self.name.as_str())
    }

    /// Whether it did what it was called for.
    pub fn succeeded(&self) -> bool {
        self.result.is_some_and(|result| result >= 0)
    }

    /// Whether all of it was over before the other began.
    pub fn is_before(&self, other: &Self) -> bool {
        self.ended < other.begun
    }
}

/// Arguments and result, of `ARGUMENTS) = RESULT …`. A call that was interrupted has `?` for a result.
fn returned(rest: &str) -> Option<(&str, Option<i64>)> {
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let arguments = arguments.trim_end().strip_suffix(')')?;
    let number: String = result.chars().take_while(|char| *char == '-' || char.is_ascii_digit()).collect();
    Some((arguments, number.parse().ok()))
}

/// `/a/file` of `5</a/file>`, `127.0.0.1:1->127.0.0.1:2` of `5<TCP:[127.0.0.1:1->127.0.0.1:2]>`.
fn target(arguments: &str) -> String {
    let Some((_, rest)) = arguments.split_once('<') else { return String::new() };
    // An arrow between two ends is no end of the name.
    let end = rest.match_indices('>').find(|(at, _)| !rest[..*at].ends_with('-')).map_or(rest.len(), |(at, _)| at);
    let name = &rest[..end];
    name.strip_prefix("TCP:[").and_then(|ends| ends.strip_suffix(']')).unwrap_or(name).to_owned()
}
