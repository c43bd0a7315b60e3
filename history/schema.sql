-- The first schema. Times are microseconds since 1970, UTC. Severities are ranks,
-- 1 info to 5 critical, so that they order. Addresses are 16 bytes, IPv4 mapped
-- into IPv6 (RFC 4291, 2.5.5.2), so that a range is one BETWEEN.

CREATE TABLE meta (
	name  TEXT PRIMARY KEY,
	value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE vantage (
	id    INTEGER PRIMARY KEY,
	name  TEXT NOT NULL UNIQUE,
	trust TEXT NOT NULL -- as its latest sweep says
) STRICT;

-- A sweep that was imported, with all that is needed to ask it again what it
-- asked: the plan and the fates are in header and summary.
CREATE TABLE sweep (
	id       INTEGER PRIMARY KEY,
	scan     TEXT NOT NULL UNIQUE,  -- the report's sweep.id
	digest   BLOB NOT NULL,         -- SHA-256 of header, findings and summary
	vantage  INTEGER NOT NULL REFERENCES vantage,
	job      TEXT,                  -- of a schedule; NULL: somebody's own
	started  INTEGER NOT NULL,
	finished INTEGER,
	status   TEXT NOT NULL,         -- exposure.Status
	engine   TEXT NOT NULL,
	plan     TEXT NOT NULL,         -- SHA-256, hexadecimal; '': not known
	planned      INTEGER NOT NULL,  -- endpoints, as are the five that follow
	answered     INTEGER NOT NULL,
	closed       INTEGER NOT NULL,
	silent       INTEGER NOT NULL,
	local_error  INTEGER NOT NULL,
	not_scanned  INTEGER NOT NULL,
	rate_asked    REAL NOT NULL,    -- packets a second
	rate_achieved REAL,
	imported INTEGER NOT NULL,
	problems TEXT NOT NULL DEFAULT '[]', -- report.Summary.Problems, a JSON list
	-- Who answered, by probe (asked.Tally as JSON): with it, header and summary say
	-- what became of the endpoints that it does not name. NULL: they do not, and it
	-- shows nothing to be fixed.
	tally    TEXT,
	-- What follows is long, and after what lists need: a column behind it costs
	-- reading all of it.
	header   BLOB NOT NULL,         -- report.Header as JSON, packed (S2)
	summary  BLOB NOT NULL          -- report.Summary as JSON, packed (S2)
) STRICT;
CREATE INDEX sweep_in_order ON sweep (vantage, started, scan);
CREATE INDEX sweep_by_start ON sweep (started, id, vantage, job);
CREATE INDEX sweep_of_job ON sweep (job, started) WHERE job IS NOT NULL;

-- What can be seen of an endpoint besides its numbers; each combination once.
CREATE TABLE detail (
	id        INTEGER PRIMARY KEY,
	digest    BLOB NOT NULL UNIQUE,
	state     TEXT NOT NULL,        -- exposure.State
	verdict   TEXT NOT NULL,
	severity  INTEGER NOT NULL CHECK (severity BETWEEN 1 AND 5),
	auth      TEXT NOT NULL,
	tls       INTEGER NOT NULL CHECK (tls IN (0, 1)),
	service   TEXT NOT NULL,
	product   TEXT NOT NULL,
	version   TEXT,
	partial   INTEGER NOT NULL DEFAULT 0 CHECK (partial IN (0, 1)), -- it did not say all that it was asked
	justified INTEGER NOT NULL CHECK (justified IN (0, 1)),
	owner     TEXT NOT NULL         -- who answers for it in the policy; '': nobody
) STRICT;

-- A finding as its report has it, with evidence and fix. One serves all
-- endpoints of its host, and is kept while one of them points here.
CREATE TABLE finding (
	id    INTEGER PRIMARY KEY,
	sweep INTEGER REFERENCES sweep ON DELETE SET NULL,
	body  BLOB NOT NULL             -- exposure.Finding as JSON, packed (S2)
) STRICT;
CREATE INDEX finding_of_sweep ON finding (sweep);

-- One endpoint seen from one vantage, over its whole life.
CREATE TABLE exposure (
	id         INTEGER PRIMARY KEY,
	vantage    INTEGER NOT NULL REFERENCES vantage,
	ip         BLOB NOT NULL CHECK (length(ip) = 16),
	transport  TEXT NOT NULL CHECK (transport IN ('tcp', 'udp')),
	port       INTEGER NOT NULL CHECK (port BETWEEN 0 AND 65535),
	names      TEXT NOT NULL,       -- a JSON list
	open       INTEGER NOT NULL CHECK (open IN (0, 1)),
	misses     INTEGER NOT NULL,    -- complete sweeps in a row that asked it definitively, and had no answer
	first_seen INTEGER NOT NULL,
	last_seen  INTEGER NOT NULL,
	last_asked INTEGER NOT NULL,    -- definitively, in a complete sweep, or seen
	since      INTEGER NOT NULL,    -- the beginning of its latest interval
	fixed      INTEGER,             -- its end; NULL while open
	urgency    INTEGER NOT NULL,    -- what to fix first: severity * 1,000,000 + what it amplifies, at most 999,999
	severity   INTEGER NOT NULL,    -- of its detail, as are the next two
	verdict    TEXT NOT NULL,
	owner      TEXT NOT NULL,
	detail     INTEGER NOT NULL REFERENCES detail,
	baf        REAL,                -- exposure.Amplification; NULL: not measured
	told       INTEGER REFERENCES detail, -- as its latest event left it, see package life; NULL: as detail
	told_baf   REAL,
	finding    INTEGER REFERENCES finding, -- of the sweep in which its detail last changed
	base       BLOB,                -- its life before the sweeps that were pruned (JSON); NULL: none were
	UNIQUE (vantage, ip, transport, port)
) STRICT;
-- What to fix first. It has every column that a filter asks for, so that the
-- rows that are passed over cost nothing else.
CREATE INDEX exposure_by_urgency ON exposure (open, urgency DESC, since, id, vantage, ip, transport, verdict, owner);
CREATE INDEX exposure_in_numbers ON exposure (open, vantage, severity, verdict);
CREATE INDEX exposure_of_vantage ON exposure (vantage, open, urgency DESC, since, id);
CREATE INDEX exposure_by_address ON exposure (ip, port, transport);
CREATE INDEX exposure_of_owner ON exposure (owner, open, urgency DESC, since, id) WHERE owner <> '';
CREATE INDEX exposure_by_age ON exposure (open, since);
CREATE INDEX exposure_of_finding ON exposure (finding);

CREATE TABLE interval (
	exposure INTEGER NOT NULL REFERENCES exposure ON DELETE CASCADE,
	opened   INTEGER NOT NULL,
	fixed    INTEGER,               -- NULL: still open
	PRIMARY KEY (exposure, opened)
) STRICT, WITHOUT ROWID;

-- What a sweep saw of an exposure: answers only. That there was none is in the
-- fates of the sweep. In the order of import, so that a sweep appends. There are
-- many: that exposure and detail exist is left to whoever writes, and to Check.
CREATE TABLE observation (
	sweep    INTEGER NOT NULL REFERENCES sweep ON DELETE CASCADE,
	exposure INTEGER NOT NULL,
	detail   INTEGER NOT NULL,
	baf      REAL,
	PRIMARY KEY (sweep, exposure)
) STRICT, WITHOUT ROWID;

-- How many exposures of its vantage were open after a sweep, by severity.
CREATE TABLE tally (
	sweep    INTEGER NOT NULL REFERENCES sweep ON DELETE CASCADE,
	severity INTEGER NOT NULL,
	open     INTEGER NOT NULL,
	PRIMARY KEY (sweep, severity)
) STRICT, WITHOUT ROWID;

-- A run of a scheduled job, or one that should have been and was not.
CREATE TABLE run (
	id       INTEGER PRIMARY KEY,
	job      TEXT NOT NULL,
	due      INTEGER NOT NULL,
	started  INTEGER,
	finished INTEGER,
	outcome  TEXT NOT NULL,         -- running, complete, incomplete, failed, missed
	scan     TEXT,                  -- the sweep's ID, once it has one
	problem  TEXT NOT NULL,         -- in plain words; '': none
	progress TEXT,                  -- of one that is running: Progress as JSON
	UNIQUE (job, due)
) STRICT;
CREATE INDEX run_in_order ON run (job, due DESC);
CREATE INDEX run_by_due ON run (due, id);
CREATE INDEX run_under_way ON run (id) WHERE outcome = 'running';

-- Everything that may have to be told, in the order in which it became known.
-- AUTOINCREMENT: an ID is never given twice, so that "what is after 17" is safe.
CREATE TABLE event (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	at       INTEGER NOT NULL,      -- when the sweep that showed it started, or the run was due
	kind     TEXT NOT NULL,         -- life.Kind, or run-missed, run-failed, run-incomplete
	exposure INTEGER REFERENCES exposure ON DELETE CASCADE,
	sweep    INTEGER REFERENCES sweep ON DELETE CASCADE,
	run      INTEGER REFERENCES run ON DELETE CASCADE,
	again    INTEGER NOT NULL DEFAULT 0 CHECK (again IN (0, 1)), -- new, but it had been fixed before
	severity INTEGER,               -- the worse of was and now
	was      INTEGER REFERENCES detail,
	now      INTEGER REFERENCES detail,
	was_baf  REAL,
	now_baf  REAL,
	CHECK ((exposure IS NULL) <> (run IS NULL)),
	UNIQUE (exposure, sweep, kind),
	UNIQUE (run, kind)
) STRICT;
CREATE INDEX event_in_order ON event (at, id, exposure, kind, severity);
CREATE INDEX event_of_exposure ON event (exposure, at, id) WHERE exposure IS NOT NULL;
CREATE INDEX event_of_sweep ON event (sweep) WHERE sweep IS NOT NULL;

-- How far each target of notifications has been told, and what is on its way.
CREATE TABLE told (
	target TEXT PRIMARY KEY,
	event  INTEGER NOT NULL         -- everything up to this one is in the outbox, or was there
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	message  TEXT NOT NULL UNIQUE,  -- its name for the receiver, the same at each attempt
	target   TEXT NOT NULL,
	created  INTEGER NOT NULL,
	payload  BLOB NOT NULL,         -- JSON
	attempts INTEGER NOT NULL DEFAULT 0,
	next     INTEGER,               -- not before; NULL: sent, or given up
	sent     INTEGER,               -- NULL: not, or not yet
	problem  TEXT NOT NULL DEFAULT '' -- of the last attempt
) STRICT;
CREATE INDEX outbox_due ON outbox (next) WHERE next IS NOT NULL;
CREATE INDEX outbox_sent ON outbox (target, sent) WHERE sent IS NOT NULL;
CREATE INDEX outbox_given_up ON outbox (target) WHERE next IS NULL AND sent IS NULL;
