-- What people show beside their password. Whoever has any row here, proved or not, is asked for one: a row that somebody wrote can lock its person
-- out, and lets nobody in. `last_step` moves forward only, so that a code is good once, on whichever node.

CREATE TABLE second_factors (
    id           TEXT   NOT NULL PRIMARY KEY,
    subject      TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    label        TEXT   NOT NULL,
    sealed       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT,
    last_step    BIGINT NOT NULL,
    mac          BYTEA  NOT NULL
);
CREATE INDEX second_factors_by_subject ON second_factors (subject);

-- Keyed hashes of codes that are still to be used. Nobody without our keys can make one.
CREATE TABLE recovery_codes (
    code       BYTEA  NOT NULL PRIMARY KEY,
    subject    TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX recovery_codes_by_subject ON recovery_codes (subject);

-- When a second factor was proved in a session, and which; nothing, where none was. Part of the row's mac where it is there.
ALTER TABLE sessions ADD COLUMN second_factor TEXT;
