-- One schema for both engines: only words that SQLite and PostgreSQL both understand.
-- Times are BIGINT milliseconds since 1970; ids are UUIDs as text, made by us; nothing asks the engine for the time.
-- A `mac` proves that a row was written by somebody who holds the installation's secret, not merely the database's password.

CREATE TABLE installation (
    singleton     BIGINT NOT NULL PRIMARY KEY CHECK (singleton = 1),
    id            TEXT   NOT NULL,
    sealed_secret TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    revision      BIGINT NOT NULL
);

CREATE TABLE access_keys (
    id           TEXT   NOT NULL PRIMARY KEY,
    name         TEXT   NOT NULL UNIQUE,
    generation   BIGINT NOT NULL,
    managed_by   TEXT   NOT NULL,
    details      TEXT   NOT NULL,
    sealed       TEXT   NOT NULL,
    mac          BYTEA  NOT NULL,
    refused_at   BIGINT,
    refused_code TEXT
);

CREATE TABLE connectors (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL UNIQUE,
    revision   BIGINT NOT NULL,
    managed_by TEXT   NOT NULL,
    access_key TEXT   NOT NULL REFERENCES access_keys (name),
    spec       TEXT   NOT NULL,
    mac        BYTEA  NOT NULL
);

CREATE TABLE sessions (
    id           TEXT   NOT NULL PRIMARY KEY,
    token        BYTEA  NOT NULL UNIQUE,
    person       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    checked_at   BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    mac          BYTEA  NOT NULL
);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE service_tokens (
    id           TEXT   NOT NULL PRIMARY KEY,
    name         TEXT   NOT NULL UNIQUE,
    token        BYTEA  NOT NULL UNIQUE,
    terms        TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    last_used_at BIGINT,
    mac          BYTEA  NOT NULL
);

CREATE TABLE throttles (
    subject        TEXT   NOT NULL PRIMARY KEY,
    failures       BIGINT NOT NULL,
    last_failed_at BIGINT NOT NULL
);

CREATE TABLE familiar_networks (
    account         TEXT   NOT NULL,
    network         TEXT   NOT NULL,
    last_success_at BIGINT NOT NULL,
    PRIMARY KEY (account, network)
);

CREATE TABLE trail (
    id        TEXT   NOT NULL PRIMARY KEY,
    chain     TEXT   NOT NULL,
    sequence  BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    actor     TEXT   NOT NULL,
    action    TEXT   NOT NULL,
    outcome   TEXT   NOT NULL,
    connector TEXT,
    record    TEXT   NOT NULL,
    hash      BYTEA  NOT NULL,
    UNIQUE (chain, sequence)
);
