-- Whose a session is, so that nobody has more of them than they should. What a release before this one writes says nothing here: such a session
-- counts for nothing, and ends when it was to end. The word decides nothing but that, so the row's mac leaves it out.

ALTER TABLE sessions ADD COLUMN subject TEXT;
CREATE INDEX sessions_by_subject ON sessions (subject, id);
