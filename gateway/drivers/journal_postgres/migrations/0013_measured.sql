-- What gateways count for those who watch: a row for each process, destination and minute in
-- which something happened, for a day.
CREATE TABLE flow_minutes (
    minute bigint NOT NULL,
    destination text NOT NULL,
    series text NOT NULL,
    ended boolean NOT NULL,
    numbers text NOT NULL,
    stored_at timestamptz NOT NULL,
    PRIMARY KEY (minute, destination, series)
);
CREATE INDEX flow_minutes_stored ON flow_minutes (stored_at);
-- How large the journal was, once an hour for eight days.
CREATE TABLE journal_sizes (at timestamptz PRIMARY KEY, bytes bigint NOT NULL);

-- How long ago, in seconds before a heartbeat, its core system went down; when it is tried next;
-- the machine that the worker runs on.
ALTER TABLE heartbeats
    ADD COLUMN down_s double precision,
    ADD COLUMN trial_in_s double precision,
    ADD COLUMN host text NOT NULL DEFAULT '';
