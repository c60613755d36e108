-- An entry has a place in the chain of a node. This stops mistakes, as the trigger before it does;
-- rows that somebody puts in nevertheless are read by verification like all others. Those that
-- are there are not looked at: verification tells of them, and the gateway starts.
ALTER TABLE entries ADD CONSTRAINT entries_place CHECK (nseq >= 1 AND node <> '') NOT VALID;
