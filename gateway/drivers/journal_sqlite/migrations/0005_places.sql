-- An entry has a place in the chain of a node. This stops mistakes, as the triggers before it do;
-- rows that somebody puts in nevertheless are read by verification like all others.
CREATE TRIGGER entries_place BEFORE INSERT ON entries WHEN new.nseq < 1 OR new.node = '' BEGIN
    SELECT RAISE(ABORT, 'entries have a node and a place');
END;
