-- Version 1. Ids and hashes are raw bytes, times are milliseconds since 1970 (UTC), bodies are the
-- model's wire forms.

-- report is the id of the answer, NULL while the request is open.
CREATE TABLE requests (
    id       bytea PRIMARY KEY,
    summary  bytea NOT NULL,
    accepted bigint NOT NULL,
    deadline bigint NOT NULL,
    done     bigint NOT NULL,
    expected bigint NOT NULL,
    report   bytea,
    finished bigint,
    key       text,
    sha256    bytea NOT NULL,
    cancelled bigint
);
CREATE INDEX requests_open_by_deadline ON requests (deadline) WHERE report IS NULL;
CREATE INDEX requests_open_by_accepted ON requests (accepted) WHERE report IS NULL;
CREATE INDEX requests_by_finished ON requests (finished) WHERE report IS NOT NULL;
CREATE INDEX requests_by_key ON requests (key, accepted) WHERE key IS NOT NULL;
CREATE INDEX requests_by_sha256 ON requests (sha256, accepted);
CREATE INDEX requests_cancelled ON requests (cancelled) WHERE cancelled IS NOT NULL;
CREATE INDEX requests_by_report ON requests (report, finished) WHERE report IS NOT NULL;

-- A report's id is that of the request it was made for; the hashes are the root's. Bodies are
-- compressed by the database.
CREATE TABLE reports (
    id        bytea PRIMARY KEY,
    md5       bytea,
    sha1      bytea,
    sha256    bytea NOT NULL,
    sha512    bytea,
    cache_key bytea,
    finished  bigint NOT NULL,
    body      bytea NOT NULL
);
CREATE INDEX reports_by_md5 ON reports (md5, finished) WHERE md5 IS NOT NULL;
CREATE INDEX reports_by_sha1 ON reports (sha1, finished) WHERE sha1 IS NOT NULL;
CREATE INDEX reports_by_sha256 ON reports (sha256, finished);
CREATE INDEX reports_by_sha512 ON reports (sha512, finished) WHERE sha512 IS NOT NULL;
CREATE INDEX reports_by_cache_key ON reports (cache_key, finished) WHERE cache_key IS NOT NULL;

-- How many requests are finished: counting the rows would take longer every day. One row for each of
-- some sessions, because a single one would make every commit wait for the one before it.
CREATE TABLE totals (
    slot     integer PRIMARY KEY,
    finished bigint NOT NULL
);
INSERT INTO totals SELECT slot, 0 FROM generate_series(0, 63) AS slot;

CREATE FUNCTION requests_counted() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    step bigint := 0;
BEGIN
    IF TG_OP <> 'DELETE' AND NEW.report IS NOT NULL THEN step := step + 1; END IF;
    IF TG_OP <> 'INSERT' AND OLD.report IS NOT NULL THEN step := step - 1; END IF;
    IF step <> 0 THEN
        UPDATE totals SET finished = finished + step WHERE slot = pg_backend_pid() % 64;
    END IF;
    RETURN NULL;
END
$body$;
CREATE TRIGGER requests_counted AFTER INSERT OR DELETE OR UPDATE OF report ON requests
    FOR EACH ROW EXECUTE FUNCTION requests_counted();

-- What a tree at work has cost so far; settled trees have no rows.
CREATE TABLE strikes (
    root    bytea NOT NULL,
    command text NOT NULL,
    count   bigint NOT NULL,
    PRIMARY KEY (root, command)
);
CREATE TABLE charges (
    root  bytea NOT NULL,
    node  text NOT NULL,
    files bigint NOT NULL,
    bytes bigint NOT NULL,
    PRIMARY KEY (root, node)
);
-- The sums of charges, kept beside them: adding up thousands of nodes at each would be quadratic.
CREATE TABLE trees (
    root  bytea PRIMARY KEY,
    files numeric NOT NULL,
    bytes numeric NOT NULL
);

-- Replaces what a node was charged and gives the sum over its tree. The tree's row is locked first, so
-- that two charges of one tree come one after the other.
CREATE FUNCTION charge(of_root bytea, of_node text, new_files bigint, new_bytes bigint)
RETURNS TABLE (sum_files bigint, sum_bytes bigint) LANGUAGE plpgsql AS $body$
DECLARE
    old_files bigint := 0;
    old_bytes bigint := 0;
    most constant numeric := 9223372036854775807;
BEGIN
    INSERT INTO trees AS tree VALUES (of_root, 0, 0)
        ON CONFLICT (root) DO UPDATE SET files = tree.files;
    SELECT files, bytes INTO old_files, old_bytes FROM charges
        WHERE root = of_root AND node = of_node;
    INSERT INTO charges VALUES (of_root, of_node, new_files, new_bytes)
        ON CONFLICT (root, node) DO UPDATE SET files = new_files, bytes = new_bytes;
    RETURN QUERY UPDATE trees SET
            files = greatest(files - coalesce(old_files, 0) + new_files, 0),
            bytes = greatest(bytes - coalesce(old_bytes, 0) + new_bytes, 0)
        WHERE root = of_root
        RETURNING least(files, most)::bigint, least(bytes, most)::bigint;
END
$body$;

CREATE TABLE dead_letters (
    id   text PRIMARY KEY,
    time bigint NOT NULL,
    body bytea NOT NULL
);
CREATE INDEX dead_letters_by_time ON dead_letters (time);

CREATE TABLE keys (
    id                  text PRIMARY KEY,
    secret              bytea NOT NULL UNIQUE,
    name                text NOT NULL,
    role                text NOT NULL,
    requests_per_minute bigint,
    scans_per_day       bigint,
    created             bigint NOT NULL,
    revoked             bigint,
    workflow            text
);

CREATE TABLE scans (
    key   text NOT NULL,
    day   bigint NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (key, day)
);

CREATE TABLE engines (
    engine  text NOT NULL,
    host    text NOT NULL,
    state   text NOT NULL,
    detail  text NOT NULL,
    version text NOT NULL,
    made    bigint NOT NULL,
    workers bigint NOT NULL,
    seen    bigint NOT NULL,
    PRIMARY KEY (engine, host)
);

-- outcome is NULL while the batch takes files, then closed or cancelled.
CREATE TABLE batches (
    id      bytea PRIMARY KEY,
    created bigint NOT NULL,
    body    bytea NOT NULL,
    outcome text,
    ended   bigint,
    files   bigint NOT NULL
);
CREATE INDEX batches_by_created ON batches (created);
CREATE TABLE batch_files (
    batch   bytea NOT NULL REFERENCES batches ON DELETE CASCADE,
    place   bigint NOT NULL,
    request bytea NOT NULL,
    added   bigint NOT NULL,
    PRIMARY KEY (batch, place),
    UNIQUE (batch, request)
);

-- Whether files of a batch are not done. A file whose request is not known and that was added before
-- added_since is given up.
CREATE FUNCTION batch_unfinished(of_batch bytea, added_since bigint) RETURNS bigint
LANGUAGE sql STABLE AS $body$
    SELECT count(*) FROM batch_files AS file LEFT JOIN requests ON requests.id = file.request
    WHERE file.batch = of_batch
      AND (requests.id IS NULL AND file.added > added_since
           OR requests.id IS NOT NULL AND requests.report IS NULL)
$body$;

-- Puts a request into a batch: yes, unknown, ended or full. The batch's row is locked, so that an end
-- and an addition come one after the other.
CREATE FUNCTION batch_add(of_batch bytea, new_request bytea, added_at bigint, most bigint)
RETURNS text LANGUAGE plpgsql AS $body$
DECLARE
    found_batch batches%ROWTYPE;
BEGIN
    SELECT * INTO found_batch FROM batches WHERE id = of_batch FOR UPDATE;
    IF NOT FOUND THEN RETURN 'unknown'; END IF;
    PERFORM 1 FROM batch_files WHERE batch = of_batch AND request = new_request;
    IF FOUND THEN RETURN 'yes'; END IF;
    IF found_batch.ended IS NOT NULL THEN RETURN 'ended'; END IF;
    IF found_batch.files >= most THEN RETURN 'full'; END IF;
    INSERT INTO batch_files (batch, place, request, added)
        SELECT of_batch, coalesce(max(place) + 1, 0), new_request, added_at
        FROM batch_files WHERE batch = of_batch;
    UPDATE batches SET files = files + 1 WHERE id = of_batch;
    RETURN 'yes';
END
$body$;

-- Exactly one of request and batch is set. state is waiting, delivered or dead; next stands here and
-- not in the body.
CREATE TABLE deliveries (
    subject text PRIMARY KEY,
    request bytea,
    batch   bytea,
    created bigint NOT NULL,
    state   text NOT NULL,
    next    bigint NOT NULL,
    body    bytea NOT NULL
);
CREATE INDEX deliveries_waiting ON deliveries (next) WHERE state = 'waiting';
CREATE INDEX deliveries_by_created ON deliveries (created);

CREATE TABLE uploads (
    id      bytea PRIMARY KEY,
    key     text,
    expires bigint NOT NULL,
    body    bytea NOT NULL,
    parts   bigint NOT NULL
);
CREATE INDEX uploads_by_expires ON uploads (expires);
CREATE INDEX uploads_by_key ON uploads (key) WHERE key IS NOT NULL;
CREATE TABLE parts (
    upload bytea NOT NULL REFERENCES uploads ON DELETE CASCADE,
    start  bigint NOT NULL,
    size   bigint NOT NULL,
    sha256 bytea NOT NULL,
    PRIMARY KEY (upload, start, size)
);

-- Adds a part to an upload: yes, unknown or full. Sent again, the later bytes count: the earlier ones
-- may have been broken.
CREATE FUNCTION part_add(of_upload bytea, at bigint, length bigint, hash bytea, most bigint)
RETURNS text LANGUAGE plpgsql AS $body$
DECLARE
    known bigint;
BEGIN
    SELECT uploads.parts INTO known FROM uploads WHERE id = of_upload FOR UPDATE;
    IF NOT FOUND THEN RETURN 'unknown'; END IF;
    UPDATE parts SET sha256 = hash WHERE upload = of_upload AND start = at AND size = length;
    IF FOUND THEN RETURN 'yes'; END IF;
    IF known >= most THEN RETURN 'full'; END IF;
    INSERT INTO parts VALUES (of_upload, at, length, hash);
    UPDATE uploads SET parts = uploads.parts + 1 WHERE id = of_upload;
    RETURN 'yes';
END
$body$;
