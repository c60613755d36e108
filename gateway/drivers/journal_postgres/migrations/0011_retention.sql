-- Forgetting what is final and was kept for long enough (docs/adr/0018).

-- Whose turn it is to do so.
CREATE TABLE retention_turn (
    one integer PRIMARY KEY CHECK (one = 1),
    node text NOT NULL,
    until timestamptz NOT NULL,
    ended_at timestamptz
);

-- Who deletes a row is asked who refers to it. There are few of these but for webhooks, of which
-- each costs a place here once, when a status is stored; the relay's rows are in none of them.
CREATE INDEX applications_supersedes ON applications (supersedes) WHERE supersedes IS NOT NULL;
CREATE INDEX applications_superseded_by
    ON applications (superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX replay_items_delivery ON replay_items (delivery_id);
CREATE INDEX webhooks_feedback ON webhooks (delivery_id, feedback_id);

CREATE FUNCTION count_deleted_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO delivery_counts AS counted (writer, municipality, destination, state, deliveries)
    SELECT current_setting('application_name'), municipality, destination, state, -count(*)
    FROM was
    GROUP BY municipality, destination, state ORDER BY municipality, destination, state
    ON CONFLICT (writer, municipality, destination, state)
        DO UPDATE SET deliveries = counted.deliveries + excluded.deliveries;
    RETURN NULL;
END
$$;
CREATE TRIGGER deliveries_deleted AFTER DELETE ON deliveries
    REFERENCING OLD TABLE AS was
    FOR EACH STATEMENT EXECUTE FUNCTION count_deleted_deliveries();
