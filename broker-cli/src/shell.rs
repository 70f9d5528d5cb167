//! Values as shells read them: for each one function, in which nothing has a meaning.

/// For a POSIX shell, and bash and zsh: between single quotes nothing has a meaning but the quote itself.
pub(crate) fn posix(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// For fish: between single quotes a backslash takes the meaning from a quote and from itself.
pub(crate) fn fish(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

/// For PowerShell: a single quote is doubled, and so are the curly ones, which it takes for the same.
pub(crate) fn powershell(value: &str) -> String {
    let doubled = value.chars().flat_map(|char| {
        let twice = matches!(char, '\'' | '\u{2018}'..='\u{201b}');
        std::iter::repeat_n(char, if twice { 2 } else { 1 })
    });
    format!("'{}'", doubled.collect::<String>())
}

/// For `.env` files. Those who read them agree on nothing but plain characters: anything else is not written.
pub(crate) fn dotenv(value: &str) -> Option<&str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'+' | b'=' | b'.' | b'_' | b'-' | b':');
    value.bytes().all(plain).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    const HOSTILE: [&str; 20] = [
        "",
        "plain",
        "'",
        "''",
        "'a''b'",
        "a'; echo broken #",
        "$(echo broken)`echo broken`$HOME${HOME}",
        "back\\slash\\",
        "\\",
        "\\'; echo broken; '",
        "\"double\" !! !1 ^a^b %PATH% ~ ~root * ? [a-z] {a,b}",
        "=ls",
        "-n",
        "two\nlines",
        "a\rb\tc",
        "\\n\\t\\x41\\u0041",
        " space ",
        "\u{2019}; echo broken; \u{2018}",
        "\u{e4}\u{1f511}\u{202e}",
        "\u{1b}[2J\u{7f}",
    ];

    /// zsh can be told to read quotes as other shells of its time do, and sh as it did before there was POSIX.
    #[cfg(unix)]
    #[test]
    fn posix_shells_read_back_what_was_meant() {
        for shell in
            [&["/bin/sh"][..], &["bash"], &["bash", "--posix"], &["zsh", "-f"], &["zsh", "-f", "-o", "rcquotes"]]
        {
            for value in HOSTILE {
                assert_eq!(said_by(shell, &format!("printf %s {}", posix(value))), value, "{shell:?}");
                let exported = format!("export A={}; printf %s \"$A\"", posix(value));
                assert_eq!(said_by(shell, &exported), value, "{shell:?}");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn fish_reads_back_what_was_meant() {
        for value in HOSTILE {
            assert_eq!(said_by(&["fish"], &format!("printf %s {}", fish(value))), value);
            let exported = format!("set -gx A {}; printf %s \"$A\"", fish(value));
            assert_eq!(said_by(&["fish"], &exported), value);
        }
    }

    /// It is in no package that the tests could install; what its manual says of quotes.
    #[test]
    fn powershell_has_each_kind_of_single_quote_doubled() {
        assert_eq!(
            powershell("a'b\u{2018}c\u{2019}d\u{201a}e\u{201b}f$g`"),
            "'a''b\u{2018}\u{2018}c\u{2019}\u{2019}d\u{201a}\u{201a}e\u{201b}\u{201b}f$g`'"
        );
    }

    #[test]
    fn what_readers_of_env_files_disagree_on_is_not_written() {
        assert_eq!(dotenv("wJalrXUtnFEMI/K7MDENG+bPx=="), Some("wJalrXUtnFEMI/K7MDENG+bPx=="));
        for value in ["a b", "a'b", "a\"b", "a#b", "a$b", "a\\b", "a\nb", "ä"] {
            assert_eq!(dotenv(value), None, "{value}");
        }
    }

    #[cfg(unix)]
    fn said_by(shell: &[&str], script: &str) -> String {
        let mut command = std::process::Command::new(shell[0]);
        let ended = command.args(&shell[1..]).args(["-c", script]).env("LANG", "C.UTF-8").output();
        let ended = ended.unwrap_or_else(|error| panic!("{shell:?}: {error}; run ./tests/run --install-only"));
        String::from_utf8(ended.stdout).unwrap()
    }
}
