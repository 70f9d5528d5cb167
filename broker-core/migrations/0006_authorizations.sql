-- What people allowed AWS's own clients: at first only a code, of generation 0; with the first token, a family of refresh tokens and the
-- access tokens that come with them. Each ends with the session that it came of, also where a release before this one ends that.

CREATE TABLE authorizations (
    id         TEXT   NOT NULL PRIMARY KEY,
    session    TEXT   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    code       BYTEA  NOT NULL UNIQUE,
    terms      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL,
    mac        BYTEA  NOT NULL
);
CREATE INDEX authorizations_by_session ON authorizations (session);
