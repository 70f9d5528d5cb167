-- Questions to a passkey that were answered, so that no answer counts twice, on whichever node. A row gives nobody anything; it is swept once its
-- question is too old to be answered.

CREATE TABLE passkey_questions (
    question    BYTEA  NOT NULL PRIMARY KEY,
    answered_at BIGINT NOT NULL
);
CREATE INDEX passkey_questions_by_time ON passkey_questions (answered_at);
