-- Schema 2: exposure.seen_until, when the last of the sweeps that saw it had
-- ended; 0: not known. What a sweep missed that began before then is not known.

ALTER TABLE exposure ADD COLUMN seen_until INTEGER NOT NULL DEFAULT 0;

UPDATE exposure SET seen_until = seen.until FROM (
	SELECT o.exposure, max(max(0, min(coalesce(s.finished, 0), s.imported))) AS until
	FROM observation o JOIN sweep s ON s.id = o.sweep GROUP BY o.exposure
) seen WHERE exposure.id = seen.exposure;
