-- Proofs of a key (DPoP) that were shown, so that none counts twice, on whichever node. A row gives nobody anything; it is swept once its proof is
-- too old to count.

CREATE TABLE dpop_proofs (
    proof   BYTEA  NOT NULL PRIMARY KEY,
    seen_at BIGINT NOT NULL
);
CREATE INDEX dpop_proofs_by_time ON dpop_proofs (seen_at);
