-- What applications are searched by.

-- A group is all applications that agree in these three. There are few, and new ones are rare: so
-- one index finds by any of them, alone or together, newest or oldest first, and takes the place
-- of that on municipality alone.
CREATE TABLE application_groups (
    municipality text NOT NULL,
    procedure text NOT NULL,
    client text NOT NULL,
    PRIMARY KEY (municipality, procedure, client)
);
-- Sorted, so that two processes with the same new groups never wait for each other.
CREATE FUNCTION group_applications() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO application_groups (municipality, procedure, client)
    SELECT DISTINCT municipality, procedure, client FROM became
    WHERE NOT EXISTS (
        SELECT FROM application_groups g
        WHERE g.municipality = became.municipality AND g.procedure = became.procedure
            AND g.client = became.client
    )
    ORDER BY municipality, procedure, client
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER applications_grouped AFTER INSERT ON applications
    REFERENCING NEW TABLE AS became
    FOR EACH STATEMENT EXECUTE FUNCTION group_applications();
INSERT INTO application_groups SELECT DISTINCT municipality, procedure, client FROM applications;
DROP INDEX applications_municipality;
CREATE INDEX applications_listed ON applications (municipality, procedure, client, id);

-- Of the few that did not simply arrive: what is accepted has no code yet, and what arrives none.
-- Who does not name the collation is not offered it (migration 3).
CREATE INDEX deliveries_coded ON deliveries (code COLLATE "C", application_id)
    WHERE code IS NOT NULL;

ALTER TABLE feedback ADD COLUMN application_id uuid;
UPDATE feedback f SET application_id = d.application_id FROM deliveries d WHERE d.id = f.delivery_id;
CREATE INDEX feedback_listed ON feedback (status COLLATE "C", application_id);
