-- How many deliveries are where. Counted with each step and in its transaction, so that
-- whoever asks reads a few rows instead of every delivery, and is told what is so.
-- Each writing session counts in rows of its own name (connections.py), so that processes
-- do not wait for one another's commits: only the sum over the writers means anything.
CREATE TABLE delivery_counts (
    writer text NOT NULL DEFAULT '',
    municipality text NOT NULL,
    destination text NOT NULL,
    state text NOT NULL,
    deliveries bigint NOT NULL,
    PRIMARY KEY (writer, municipality, destination, state)
) WITH (fillfactor = 20); -- Every row is rewritten at every commit: in its own page.

CREATE FUNCTION count_inserted_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO delivery_counts AS counted (writer, municipality, destination, state, deliveries)
    SELECT current_setting('application_name'), municipality, destination, state, count(*)
    FROM became
    GROUP BY municipality, destination, state ORDER BY municipality, destination, state
    ON CONFLICT (writer, municipality, destination, state)
        DO UPDATE SET deliveries = counted.deliveries + excluded.deliveries;
    RETURN NULL;
END
$$;
CREATE FUNCTION count_changed_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO delivery_counts AS counted (writer, municipality, destination, state, deliveries)
    SELECT current_setting('application_name'), municipality, destination, state, sum(change)
    FROM (
        SELECT municipality, destination, state, 1 AS change FROM became
        UNION ALL
        SELECT municipality, destination, state, -1 FROM was
    ) changes
    GROUP BY municipality, destination, state HAVING sum(change) <> 0
    ORDER BY municipality, destination, state
    ON CONFLICT (writer, municipality, destination, state)
        DO UPDATE SET deliveries = counted.deliveries + excluded.deliveries;
    RETURN NULL;
END
$$;
-- These keep writers away until the migration is committed: nothing changes uncounted.
CREATE TRIGGER deliveries_inserted AFTER INSERT ON deliveries
    REFERENCING NEW TABLE AS became
    FOR EACH STATEMENT EXECUTE FUNCTION count_inserted_deliveries();
CREATE TRIGGER deliveries_changed AFTER UPDATE ON deliveries
    REFERENCING OLD TABLE AS was NEW TABLE AS became
    FOR EACH STATEMENT EXECUTE FUNCTION count_changed_deliveries();
INSERT INTO delivery_counts (municipality, destination, state, deliveries)
SELECT municipality, destination, state, count(*) FROM deliveries
GROUP BY municipality, destination, state;

-- For lists and for the oldest: whatever is counted is found at its end of this index. Who
-- does not name the collation is not offered it: the relay's reads would seem as cheap by it
-- as by their own index, until a hundred thousand rows stand behind one that is parked.
DROP INDEX deliveries_state;
CREATE INDEX deliveries_listed
    ON deliveries (destination COLLATE "C", state COLLATE "C", application_id, municipality);
-- Keys that go on only once somebody or something has decided about one delivery.
CREATE INDEX deliveries_halted ON deliveries (destination, order_key)
    WHERE order_key IS NOT NULL AND state IN ('parked', 'in_doubt');
