-- Version 2. What a request's history is looked up by, requests that were taken back, batches,
-- callbacks, and uploads in parts.

ALTER TABLE requests ADD COLUMN key TEXT;
ALTER TABLE requests ADD COLUMN sha256 BLOB;
ALTER TABLE requests ADD COLUMN cancelled INTEGER;
UPDATE requests SET
    key = json_extract(CAST(summary AS TEXT), '$.body.key'),
    sha256 = unhex(json_extract(CAST(summary AS TEXT), '$.body.artifact.hashes.sha256'));
CREATE INDEX requests_by_key ON requests (key, accepted) WHERE key IS NOT NULL;
CREATE INDEX requests_by_sha256 ON requests (sha256, accepted) WHERE sha256 IS NOT NULL;
CREATE INDEX requests_cancelled ON requests (cancelled) WHERE cancelled IS NOT NULL;

ALTER TABLE keys ADD COLUMN workflow TEXT;

-- outcome is NULL while the batch takes files, then closed or cancelled.
CREATE TABLE batches (
    id      BLOB NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    body    BLOB NOT NULL,
    outcome TEXT,
    ended   INTEGER,
    files   INTEGER NOT NULL
) STRICT;
CREATE INDEX batches_by_created ON batches (created);
CREATE TABLE batch_files (
    batch   BLOB NOT NULL,
    place   INTEGER NOT NULL,
    request BLOB NOT NULL,
    added   INTEGER NOT NULL,
    PRIMARY KEY (batch, place),
    UNIQUE (batch, request)
) STRICT, WITHOUT ROWID;

-- Exactly one of request and batch is set. state is waiting, delivered or dead.
CREATE TABLE deliveries (
    subject TEXT NOT NULL UNIQUE,
    request BLOB,
    batch   BLOB,
    created INTEGER NOT NULL,
    state   TEXT NOT NULL,
    next    INTEGER NOT NULL,
    body    BLOB NOT NULL
) STRICT;
CREATE INDEX deliveries_waiting ON deliveries (next) WHERE state = 'waiting';
CREATE INDEX deliveries_by_created ON deliveries (created);

CREATE TABLE uploads (
    id      BLOB NOT NULL UNIQUE,
    key     TEXT,
    expires INTEGER NOT NULL,
    body    BLOB NOT NULL,
    parts   INTEGER NOT NULL
) STRICT;
CREATE INDEX uploads_by_expires ON uploads (expires);
CREATE INDEX uploads_by_key ON uploads (key) WHERE key IS NOT NULL;
CREATE TABLE parts (
    upload BLOB NOT NULL,
    start  INTEGER NOT NULL,
    size   INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    PRIMARY KEY (upload, start, size)
) STRICT, WITHOUT ROWID;
