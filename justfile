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

# The figures of docs/performance.md, in some minutes, on a machine that does nothing else.
bench *arguments:
    cargo run --release -p bench --locked -- {{arguments}}
