-- For those who look through the trail by one word: each index gives the newest first. Most records are of successes, so those are
-- in no index of outcomes.
CREATE INDEX trail_by_actor ON trail (actor, id);
CREATE INDEX trail_by_connector ON trail (connector, id) WHERE connector IS NOT NULL;
CREATE INDEX trail_by_action ON trail (action, id);
CREATE INDEX trail_of_trouble ON trail (id) WHERE outcome <> 'success';
