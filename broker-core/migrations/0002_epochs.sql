-- Epochs: sessions and service tokens belong to one, and a restored backup begins the next.
-- What a release before this one wrote, or writes meanwhile, is of the first. `epoch_mac` proves which epoch it is; there is none for the first.
-- Marks say what was taken out of the trail lawfully: a chain's records up to `sequence`, the last of which had `hash`.

ALTER TABLE installation ADD COLUMN epoch BIGINT NOT NULL DEFAULT 1;
ALTER TABLE installation ADD COLUMN epoch_mac BYTEA;
ALTER TABLE sessions ADD COLUMN epoch BIGINT NOT NULL DEFAULT 1;
ALTER TABLE service_tokens ADD COLUMN epoch BIGINT NOT NULL DEFAULT 1;

CREATE TABLE trail_marks (
    chain    TEXT   NOT NULL,
    kind     TEXT   NOT NULL,
    sequence BIGINT NOT NULL,
    hash     BYTEA  NOT NULL,
    at       BIGINT NOT NULL,
    mac      BYTEA  NOT NULL,
    PRIMARY KEY (chain, kind, sequence)
);
