-- How many deliveries are where. Counted with each step and in its transaction, so that
-- whoever asks reads a few rows instead of every delivery, and is told what is so.
CREATE TABLE delivery_counts (
    municipality TEXT NOT NULL,
    destination TEXT NOT NULL,
    state TEXT NOT NULL,
    deliveries INTEGER NOT NULL,
    PRIMARY KEY (municipality, destination, state)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER deliveries_inserted AFTER INSERT ON deliveries BEGIN
    INSERT INTO delivery_counts (municipality, destination, state, deliveries)
    VALUES (new.municipality, new.destination, new.state, 1)
    ON CONFLICT DO UPDATE SET deliveries = deliveries + 1;
END;
CREATE TRIGGER deliveries_changed AFTER UPDATE OF state ON deliveries WHEN old.state <> new.state
BEGIN
    UPDATE delivery_counts SET deliveries = deliveries - 1
    WHERE municipality = old.municipality AND destination = old.destination AND state = old.state;
    INSERT INTO delivery_counts (municipality, destination, state, deliveries)
    VALUES (new.municipality, new.destination, new.state, 1)
    ON CONFLICT DO UPDATE SET deliveries = deliveries + 1;
END;
INSERT INTO delivery_counts (municipality, destination, state, deliveries)
SELECT municipality, destination, state, count(*) FROM deliveries
GROUP BY municipality, destination, state;

-- For lists and for the oldest: whatever is counted is found at its end of this index.
DROP INDEX deliveries_state;
CREATE INDEX deliveries_listed ON deliveries (destination, state, application_id, municipality);
-- Keys that go on only once somebody or something has decided about one delivery.
CREATE INDEX deliveries_halted ON deliveries (destination, order_key, state)
    WHERE order_key IS NOT NULL AND state IN ('parked', 'in_doubt');
