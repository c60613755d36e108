-- What applications are searched by.

-- A group is all applications that agree in these three. There are few, and new ones are rare: so
-- one index finds by any of them, alone or together, newest or oldest first, and takes the place
-- of that on municipality alone.
CREATE TABLE application_groups (
    municipality TEXT NOT NULL,
    procedure TEXT NOT NULL,
    client TEXT NOT NULL,
    PRIMARY KEY (municipality, procedure, client)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER applications_grouped AFTER INSERT ON applications WHEN NOT EXISTS (
    SELECT 1 FROM application_groups
    WHERE municipality = new.municipality AND procedure = new.procedure AND client = new.client
) BEGIN
    INSERT INTO application_groups VALUES (new.municipality, new.procedure, new.client);
END;
INSERT INTO application_groups SELECT DISTINCT municipality, procedure, client FROM applications;
DROP INDEX applications_municipality;
CREATE INDEX applications_listed ON applications (municipality, procedure, client, id);

-- Of the few that did not simply arrive: what is accepted has no code yet, and what arrives none.
CREATE INDEX deliveries_coded ON deliveries (code, application_id) WHERE code IS NOT NULL;

ALTER TABLE feedback ADD COLUMN application_id BLOB;
UPDATE feedback
SET application_id = (SELECT application_id FROM deliveries d WHERE d.id = feedback.delivery_id);
CREATE INDEX feedback_listed ON feedback (status, application_id);
