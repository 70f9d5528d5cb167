-- A mark of kind `lost_after` also says what its loss left: the chain's last record before it. Both are NULL where it left none, and for
-- what was pruned. A release before this one knows no such kind, and goes on calling the records missing.

ALTER TABLE trail_marks ADD COLUMN kept BIGINT;
ALTER TABLE trail_marks ADD COLUMN kept_hash BYTEA;
