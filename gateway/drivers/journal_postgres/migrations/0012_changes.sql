-- What moved last, and what has stood still for longest: docs/adr/0019.
CREATE INDEX CONCURRENTLY deliveries_by_change ON deliveries (updated_at, application_id);
