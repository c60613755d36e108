-- The sealed log (docs/adr/0014), and what entries are searched by.

-- A series is all entries that agree in these four. There are few, and new ones are rare: so
-- one small number a row finds entries by any of them, alone or together.
CREATE TABLE entry_series (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action text NOT NULL,
    municipality text NOT NULL, -- '' when they concern no single one.
    actor_kind text NOT NULL,
    actor text NOT NULL,
    UNIQUE (action, actor, municipality, actor_kind)
);

-- What somebody has spoilt stays as it is, for verification to tell.
CREATE FUNCTION entry_members(data bytea) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN convert_from(data, 'UTF8')::json;
EXCEPTION WHEN OTHERS THEN
    RETURN '{}'::json;
END
$$;
CREATE TEMPORARY TABLE known ON COMMIT DROP AS
SELECT id, action,
    coalesce(member ->> 'municipality', '') AS municipality,
    coalesce(member #>> '{actor,kind}', '') AS actor_kind,
    coalesce(member #>> '{actor,name}', '') AS actor
FROM (SELECT id, action, entry_members(data) AS member FROM entries OFFSET 0) read;
DROP FUNCTION entry_members;
INSERT INTO entry_series (action, municipality, actor_kind, actor)
SELECT DISTINCT action, municipality, actor_kind, actor FROM known ORDER BY 1, 2, 3, 4;
CREATE TEMPORARY TABLE series_of ON COMMIT DROP AS
SELECT k.id, s.id AS series FROM known k JOIN entry_series s USING (action, municipality, actor_kind, actor);
CREATE FUNCTION series_found(entry bigint) RETURNS integer LANGUAGE sql STABLE AS
    'SELECT series FROM pg_temp.series_of WHERE id = entry';
ALTER TABLE series_of ADD PRIMARY KEY (id);
ALTER TABLE entries ADD COLUMN series integer;
-- Entries from before this migration have none.
ALTER TABLE entries ADD COLUMN subject bytea;
-- Written anew in one go: an UPDATE would leave a table of twice the size behind.
ALTER TABLE entries
    ALTER COLUMN series TYPE integer USING series_found(id),
    ALTER COLUMN series SET NOT NULL;
DROP FUNCTION series_found;

CREATE INDEX entries_series ON entries (series, id);
-- Between which places entries of some time stand, whatever the clocks said: the times within
-- each 4,096 places. New rows come at the end, as they do in a log.
CREATE INDEX entries_time ON entries ((id >> 12), at);
-- Keyed hashes come in no order. So that each new one does not touch a page of its own, they
-- are sorted within 65,536 places only; whoever searches asks once for each so many.
CREATE INDEX entries_subject ON entries ((id >> 16), subject) WHERE subject IS NOT NULL;

-- Nobody has a reason to change an entry. This stops mistakes; whoever may drop a trigger is
-- found out by the log.
CREATE FUNCTION refuse_to_change_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE 'entries are never changed' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_entries();

CREATE TABLE log_head (
    one integer PRIMARY KEY CHECK (one = 1),
    size bigint NOT NULL,
    root bytea NOT NULL,
    checkpoint text NOT NULL,
    sealed_at timestamptz NOT NULL
) WITH (fillfactor = 10); -- Rewritten at every seal: in its own page.

CREATE TABLE log_runs (
    first_index bigint PRIMARY KEY,
    node text COLLATE "C" NOT NULL,
    first_nseq bigint NOT NULL,
    length bigint NOT NULL,
    UNIQUE (node, first_nseq)
);

CREATE TABLE log_tiles (
    level smallint NOT NULL,
    position bigint NOT NULL,
    hashes bytea NOT NULL,
    PRIMARY KEY (level, position)
);
-- Hashes do not compress.
ALTER TABLE log_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- The last of each hour since 1970-01-01 UTC; by size, which no clock sets back.
CREATE TABLE log_checkpoints (
    size bigint PRIMARY KEY,
    hour bigint NOT NULL,
    checkpoint text NOT NULL
);

CREATE TABLE detail_keys (
    node text COLLATE "C" NOT NULL,
    nseq bigint NOT NULL,
    application_id uuid,
    key bytea NOT NULL,
    PRIMARY KEY (node, nseq)
);
CREATE INDEX detail_keys_application ON detail_keys (application_id)
    WHERE application_id IS NOT NULL;
