-- Programs on other machines that wait for somebody's yes. Both codes are there as keyed hashes. A row gives nobody anything: what is allowed
-- becomes an authorization.

CREATE TABLE device_codes (
    device_code BYTEA  NOT NULL PRIMARY KEY,
    user_code   BYTEA  NOT NULL UNIQUE,
    client      TEXT   NOT NULL,
    address     TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    denied      BIGINT NOT NULL,
    polls       BIGINT NOT NULL,
    polled_at   BIGINT NOT NULL,
    mac         BYTEA  NOT NULL
);
CREATE INDEX device_codes_by_time ON device_codes (created_at);
