-- Forgetting what is final and was kept for long enough (docs/adr/0018).

-- Whose turn it is to do so.
CREATE TABLE retention_turn (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    node TEXT NOT NULL,
    until INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;

-- Who deletes a row is asked who refers to it. There are few of these but for webhooks, of which
-- each costs a place here once, when a status is stored; the relay's rows are in none of them.
CREATE INDEX applications_supersedes ON applications (supersedes) WHERE supersedes IS NOT NULL;
CREATE INDEX applications_superseded_by
    ON applications (superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX replay_items_delivery ON replay_items (delivery_id);
CREATE INDEX webhooks_feedback ON webhooks (delivery_id, feedback_id);

CREATE TRIGGER deliveries_deleted AFTER DELETE ON deliveries BEGIN
    UPDATE delivery_counts SET deliveries = deliveries - 1
    WHERE municipality = old.municipality AND destination = old.destination AND state = old.state;
END;
