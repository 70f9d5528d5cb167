-- By which password somebody signed in, as a keyed hash of what their directory says of it, so that the session ends when that changes. There is
-- none on a session that began before this column did: nobody knows its password, and it ends when it was to end.

ALTER TABLE sessions ADD COLUMN password_mark BYTEA;
