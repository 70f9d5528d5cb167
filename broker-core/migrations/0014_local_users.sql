-- Users and groups of local directories that the API and the command line manage; those of the configuration are not here.
-- A user's groups stand in `details`, by id: a group that is made again under an old name is another one. `folded` is the name without capitals.
-- `people_revision` counts changes of both, for nodes that hold copies; `revision` goes on counting those of connectors and access keys.

CREATE TABLE local_users (
    id                  TEXT   NOT NULL PRIMARY KEY,
    directory           TEXT   NOT NULL,
    folded              TEXT   NOT NULL,
    name                TEXT   NOT NULL,
    revision            BIGINT NOT NULL,
    details             TEXT   NOT NULL,
    sealed_password     TEXT   NOT NULL,
    password_changed_at BIGINT NOT NULL,
    mac                 BYTEA  NOT NULL,
    UNIQUE (directory, folded)
);

CREATE TABLE local_groups (
    id         TEXT   NOT NULL PRIMARY KEY,
    directory  TEXT   NOT NULL,
    folded     TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    revision   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    mac        BYTEA  NOT NULL,
    UNIQUE (directory, folded)
);

ALTER TABLE installation ADD COLUMN people_revision BIGINT NOT NULL DEFAULT 1;
