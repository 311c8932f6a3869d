-- Version 1. Ids and hashes are raw bytes, times are milliseconds since 1970 (UTC).

-- The log. The records of topic N stand in the table log_N; floor is the first offset kept.
CREATE TABLE topics (
    id    INTEGER PRIMARY KEY,
    name  TEXT NOT NULL UNIQUE,
    floor INTEGER NOT NULL
) STRICT;

-- The low-water mark of each group: everything below next is acknowledged.
CREATE TABLE offsets (
    "group" TEXT NOT NULL,
    topic   INTEGER NOT NULL,
    next    INTEGER NOT NULL,
    PRIMARY KEY ("group", topic)
) STRICT, WITHOUT ROWID;

-- The records. report is the id of the answer, NULL while the request is open.
CREATE TABLE requests (
    id       BLOB NOT NULL UNIQUE,
    summary  BLOB NOT NULL,
    accepted INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    done     INTEGER NOT NULL,
    expected INTEGER NOT NULL,
    report   BLOB,
    finished INTEGER
) STRICT;
CREATE INDEX requests_open_by_deadline ON requests (deadline) WHERE report IS NULL;
CREATE INDEX requests_open_by_accepted ON requests (accepted) WHERE report IS NULL;
CREATE INDEX requests_by_finished ON requests (finished) WHERE report IS NOT NULL;
CREATE INDEX requests_by_report ON requests (report, finished) WHERE report IS NOT NULL;

-- A report's id is that of the request it was made for; the hashes are the root's.
CREATE TABLE reports (
    id        BLOB NOT NULL UNIQUE,
    md5       BLOB,
    sha1      BLOB,
    sha256    BLOB NOT NULL,
    sha512    BLOB,
    cache_key BLOB,
    finished  INTEGER NOT NULL,
    body      BLOB NOT NULL
) STRICT;
CREATE INDEX reports_by_md5 ON reports (md5, finished) WHERE md5 IS NOT NULL;
CREATE INDEX reports_by_sha1 ON reports (sha1, finished) WHERE sha1 IS NOT NULL;
CREATE INDEX reports_by_sha256 ON reports (sha256, finished);
CREATE INDEX reports_by_sha512 ON reports (sha512, finished) WHERE sha512 IS NOT NULL;
CREATE INDEX reports_by_cache_key ON reports (cache_key, finished) WHERE cache_key IS NOT NULL;

-- How many requests are open and finished: counting the rows would take longer every day.
CREATE TABLE totals (
    open     INTEGER NOT NULL,
    finished INTEGER NOT NULL
) STRICT;
INSERT INTO totals VALUES (0, 0);
CREATE TRIGGER requests_counted_in AFTER INSERT ON requests BEGIN
    UPDATE totals SET open = open + (new.report IS NULL),
                      finished = finished + (new.report IS NOT NULL);
END;
CREATE TRIGGER requests_counted_over AFTER UPDATE OF report ON requests BEGIN
    UPDATE totals SET open = open + (new.report IS NULL) - (old.report IS NULL),
                      finished = finished + (new.report IS NOT NULL) - (old.report IS NOT NULL);
END;
CREATE TRIGGER requests_counted_out AFTER DELETE ON requests BEGIN
    UPDATE totals SET open = open - (old.report IS NULL),
                      finished = finished - (old.report IS NOT NULL);
END;

-- What a tree at work has cost so far; settled trees have no rows.
CREATE TABLE strikes (
    root    BLOB NOT NULL,
    command TEXT NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (root, command)
) STRICT, WITHOUT ROWID;
CREATE TABLE charges (
    root  BLOB NOT NULL,
    node  TEXT NOT NULL,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (root, node)
) STRICT, WITHOUT ROWID;
-- The sums of charges, kept beside them: adding up thousands of nodes at each would be quadratic.
CREATE TABLE trees (
    root  BLOB NOT NULL PRIMARY KEY,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letters (
    id   TEXT NOT NULL UNIQUE,
    time INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX dead_letters_by_time ON dead_letters (time);

CREATE TABLE keys (
    id                  TEXT NOT NULL PRIMARY KEY,
    secret              BLOB NOT NULL UNIQUE,
    name                TEXT NOT NULL,
    role                TEXT NOT NULL,
    requests_per_minute INTEGER,
    scans_per_day       INTEGER,
    created             INTEGER NOT NULL,
    revoked             INTEGER
) STRICT;

CREATE TABLE scans (
    key   TEXT NOT NULL,
    day   INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (key, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE engines (
    engine      TEXT NOT NULL,
    host        TEXT NOT NULL,
    state       TEXT NOT NULL,
    detail      TEXT NOT NULL,
    version     TEXT NOT NULL,
    made        INTEGER NOT NULL,
    workers     INTEGER NOT NULL,
    seen        INTEGER NOT NULL,
    PRIMARY KEY (engine, host)
) STRICT, WITHOUT ROWID;
