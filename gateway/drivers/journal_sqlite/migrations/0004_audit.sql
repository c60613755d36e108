-- The sealed log (docs/adr/0014), and what entries are searched by.

-- A series is all entries that agree in these four. There are few, and new ones are rare: so
-- one small number a row finds entries by any of them, alone or together.
CREATE TABLE entry_series (
    id INTEGER PRIMARY KEY,
    action TEXT NOT NULL,
    municipality TEXT NOT NULL, -- '' when they concern no single one.
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    UNIQUE (action, actor, municipality, actor_kind)
) STRICT;
ALTER TABLE entries ADD COLUMN series INTEGER NOT NULL DEFAULT 0;
-- Entries from before this migration have none.
ALTER TABLE entries ADD COLUMN subject BLOB;

CREATE TEMP TABLE known AS
SELECT seq, action,
    coalesce(json_extract(member, '$.municipality'), '') AS municipality,
    coalesce(json_extract(member, '$.actor.kind'), '') AS actor_kind,
    coalesce(json_extract(member, '$.actor.name'), '') AS actor
FROM (
    -- What somebody has spoilt stays as it is, for verification to tell.
    SELECT seq, action,
        CASE WHEN json_valid(CAST(data AS TEXT)) THEN CAST(data AS TEXT) ELSE '{}' END AS member
    FROM entries
);
INSERT INTO entry_series (action, municipality, actor_kind, actor)
SELECT DISTINCT action, municipality, actor_kind, actor FROM known ORDER BY 1, 2, 3, 4;
UPDATE entries SET series = s.id
FROM known k JOIN entry_series s ON s.action = k.action AND s.actor = k.actor
    AND s.municipality = k.municipality AND s.actor_kind = k.actor_kind
WHERE k.seq = entries.seq;
DROP TABLE known;

CREATE INDEX entries_series ON entries (series);
-- Between which places entries of some time stand, whatever the clocks said: the times within
-- each 4,096 places. New rows come at the end, as they do in a log.
CREATE INDEX entries_time ON entries (seq >> 12, at);
-- Keyed hashes come in no order. So that each new one does not touch a page of its own, they
-- are sorted within 65,536 places only; whoever searches asks once for each so many.
CREATE INDEX entries_subject ON entries (seq >> 16, subject) WHERE subject IS NOT NULL;

-- Nobody has a reason to change an entry. This stops mistakes; whoever may drop a trigger is
-- found out by the log.
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN
    SELECT RAISE(ABORT, 'entries are never changed');
END;
CREATE TRIGGER entries_remain BEFORE DELETE ON entries BEGIN
    SELECT RAISE(ABORT, 'entries are never deleted');
END;

CREATE TABLE log_head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    checkpoint TEXT NOT NULL,
    sealed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE log_runs (
    first_index INTEGER PRIMARY KEY,
    node TEXT NOT NULL,
    first_nseq INTEGER NOT NULL,
    length INTEGER NOT NULL,
    UNIQUE (node, first_nseq)
) STRICT;

CREATE TABLE log_tiles (
    level INTEGER NOT NULL,
    position INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, position)
) STRICT;

-- The last of each hour since 1970-01-01 UTC; by size, which no clock sets back.
CREATE TABLE log_checkpoints (
    size INTEGER PRIMARY KEY,
    hour INTEGER NOT NULL,
    checkpoint TEXT NOT NULL
) STRICT;

-- Destroyed keys are overwritten with 32 zeros in their place, and no row is ever deleted or
-- moved: no page keeps an old copy of a key. So the key is in no index.
CREATE TABLE detail_keys (
    id INTEGER PRIMARY KEY,
    node TEXT NOT NULL,
    nseq INTEGER NOT NULL,
    application_id BLOB,
    key BLOB NOT NULL,
    UNIQUE (node, nseq)
) STRICT;
CREATE INDEX detail_keys_application ON detail_keys (application_id)
    WHERE application_id IS NOT NULL;
