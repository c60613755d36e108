-- What gateways count for those who watch: a row for each process, destination and minute in
-- which something happened, for a day.
CREATE TABLE flow_minutes (
    minute INTEGER NOT NULL,
    destination TEXT NOT NULL,
    series TEXT NOT NULL,
    ended INTEGER NOT NULL,
    numbers TEXT NOT NULL,
    stored_at INTEGER NOT NULL,
    PRIMARY KEY (minute, destination, series)
) STRICT, WITHOUT ROWID;
CREATE INDEX flow_minutes_stored ON flow_minutes (stored_at);
-- How large the journal was, once an hour for eight days.
CREATE TABLE journal_sizes (at INTEGER PRIMARY KEY, bytes INTEGER NOT NULL) STRICT;

-- How long ago, in seconds before a heartbeat, its core system went down; when it is tried next;
-- the machine that the worker runs on.
ALTER TABLE heartbeats ADD COLUMN down_s REAL;
ALTER TABLE heartbeats ADD COLUMN trial_in_s REAL;
ALTER TABLE heartbeats ADD COLUMN host TEXT NOT NULL DEFAULT '';
