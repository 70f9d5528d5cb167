# Shortcuts; everything works without `just` as well.

# What CI runs: installs what is missing, checks everything, tests everything.
check *arguments:
    ./tests/run {{arguments}}

# The tests alone, as in `just test vault`.
test *arguments:
    cargo build --workspace --bins --tests --locked
    cargo test --workspace --locked {{arguments}}

# A broker with three people, on SQLite and a fake AWS.
run *arguments:
    cargo run -p demo -- {{arguments}}

# The command `broker` for macOS, as far as that can be looked at elsewhere: its lints, with zig as the compiler of the crypto library's C.
macos:
    python3 -m venv target/zig
    target/zig/bin/pip install --quiet ziglang==0.17.1 cargo-zigbuild==0.24.0
    rustup target add aarch64-apple-darwin
    PATH="$PWD/target/zig/bin:$PATH" cargo-zigbuild clippy --package broker-cli --target aarch64-apple-darwin --locked -- -D warnings

# The figures of docs/performance.md, in some minutes, on a machine that does nothing else.
bench *arguments:
    cargo run --release -p bench --locked -- {{arguments}}
