-- The journal's queries. Each begins with its name between dashes; the rest of the comment says what it does.

-- put_runs --
-- Put a run; the same identity again replaces it. The columns stand in the order of the record's fields.
REPLACE INTO runs (
    id, workflow, key, kind, state, created, updated, parent, forked_from, code, epoch, notebook,
    inputs, result, error, finished, tags
) VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
    ?, ?, ?, ?, ?, ?
);

-- put_sessions --
-- Put a session; the same identity again replaces it.
REPLACE INTO sessions (
    run, epoch, pid, host, started, seen, ended
) VALUES (
    ?, ?, ?, ?, ?, ?, ?
);

-- put_calls --
-- Put a call; the same identity again replaces it.
REPLACE INTO calls (
    id, run, seq, branch, step, inputs, occurrence, code, kind, state, epoch, started, key, ended,
    took, input_parts, code_parts, reason, source, cell, position, value, shown, needs, outputs,
    bytes, caught, error, due, failures, cached, child
) VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
);

-- put_attempts --
-- Put an attempt; the same identity again replaces it.
REPLACE INTO attempts (
    call, run, number, epoch, state, started, ended, error, traceback, executor, memory
) VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
);

-- put_restores --
-- Put a restore; the same identity again replaces it.
REPLACE INTO restores (
    run, call, epoch, at, took, saved, reason, older_code
) VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?
);

-- put_notes --
-- Put a note; the same identity again replaces it.
REPLACE INTO notes (
    run, kind, name, at, data
) VALUES (
    ?, ?, ?, ?, ?
);

-- put_states --
-- Put an entry of a durable dict; the same identity again replaces it.
REPLACE INTO states (
    workflow, name, item, run, value, at
) VALUES (
    ?, ?, ?, ?, ?, ?
);

-- delete_states --
-- Delete an entry of a durable dict.
DELETE FROM states WHERE workflow = ? AND name = ? AND item = ?;

-- put_messages --
-- Put a message; the same identity again replaces it.
REPLACE INTO messages (
    id, run, kind, name, at, data
) VALUES (
    ?, ?, ?, ?, ?, ?
);

-- put_stored_values --
-- Put a value; the same identity again replaces it.
REPLACE INTO stored_values (
    id, run, step, inputs, role, format, codec, python, packages, digest, size, preview, stream,
    stream_blob, buffers, key_id, signature, created, packing
) VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
    ?, ?, ?, ?, ?, ?, ?
);

-- epoch --
-- The newest epoch of a run.
SELECT epoch FROM runs WHERE id = :run;

-- raise_epoch --
-- Let the next owner in.
UPDATE runs SET epoch = :epoch WHERE id = :run;

-- seen --
-- Note that the session of an epoch was alive.
UPDATE sessions SET seen = :now WHERE run = :run AND epoch = :epoch;

-- run --
SELECT * FROM runs WHERE id = :run;

-- all_runs --
-- The newest first.
SELECT * FROM runs ORDER BY created DESC, id DESC LIMIT :limit;

-- runs_of_workflow --
-- The newest first.
SELECT * FROM runs WHERE workflow = :workflow ORDER BY created DESC, id DESC LIMIT :limit;

-- last_created --
-- When the newest run of a workflow was created; NULL where it has none.
SELECT MAX(created) AS created FROM runs WHERE workflow = :workflow;

-- find_run --
-- The newest run with this key; IS, because a parent may be NULL.
SELECT * FROM runs WHERE workflow = :workflow AND parent IS :parent AND key = :key
ORDER BY created DESC, id DESC LIMIT 1;

-- children --
SELECT * FROM runs WHERE parent = :run ORDER BY created, id;

-- calls --
-- By index alone: what has the same seq comes in the order in which it was put.
SELECT * FROM calls WHERE run = :run ORDER BY seq, rowid;

-- attempts --
-- By epoch and number first: the clock may have gone back between two attempts at a call.
SELECT * FROM attempts WHERE run = :run ORDER BY epoch, number, started, call;

-- sessions --
SELECT * FROM sessions WHERE run = :run ORDER BY epoch;

-- restores --
SELECT * FROM restores WHERE run = :run ORDER BY epoch, at, call;

-- notes --
SELECT * FROM notes WHERE run = :run AND (:kind IS NULL OR kind = :kind) ORDER BY at, kind, name;

-- messages --
SELECT * FROM messages WHERE run = :run ORDER BY at, id;

-- all_messages --
SELECT * FROM messages ORDER BY at, id;

-- drop_message --
DELETE FROM messages WHERE id = :id;

-- states --
SELECT * FROM states WHERE workflow = :workflow AND name = :name ORDER BY item;

-- all_states --
SELECT * FROM states ORDER BY workflow, name, item;

-- cached_call --
-- The newest result that other runs may use for a call with these parts; found by the index of such alone.
SELECT * FROM calls
WHERE cached = 1 AND step = :step AND inputs = :inputs AND code = :code
    AND state = 'done' AND value IS NOT NULL
ORDER BY ended DESC, id DESC LIMIT 1;

-- cached_calls --
-- The newest first.
SELECT * FROM calls WHERE cached = 1 AND state = 'done' AND value IS NOT NULL
ORDER BY ended DESC, id DESC;

-- uncache --
-- Of a step or, where it is NULL, of all.
UPDATE calls SET cached = 0 WHERE cached = 1 AND (:step IS NULL OR step = :step);

-- changes --
-- Another number once any other connection committed.
PRAGMA data_version;

-- value --
SELECT * FROM stored_values WHERE id = :value;

-- values --
-- Those with the ids in a JSON list.
SELECT * FROM stored_values WHERE id IN (SELECT value FROM json_each(:ids));

-- value_ids --
-- The oldest first.
SELECT id FROM stored_values ORDER BY created, id;

-- value_ids_of_run --
-- The oldest first.
SELECT id FROM stored_values WHERE run = :run ORDER BY created, id;

-- key_ids --
-- How many values each key signed; answered by an index alone.
SELECT key_id, COUNT(*) AS number FROM stored_values GROUP BY key_id;

-- signature --
SELECT signature FROM stored_values WHERE id = :id;

-- blob_names --
-- What the values refer to.
SELECT stream_blob, buffers FROM stored_values;

-- forget_run --
DELETE FROM runs WHERE id = :run;

-- forget_sessions --
DELETE FROM sessions WHERE run = :run;

-- forget_calls --
DELETE FROM calls WHERE run = :run;

-- forget_attempts --
DELETE FROM attempts WHERE run = :run;

-- forget_restores --
DELETE FROM restores WHERE run = :run;

-- forget_notes --
DELETE FROM notes WHERE run = :run;

-- forget_messages --
DELETE FROM messages WHERE run = :run;

-- forget_values --
-- Delete the values of runs that are gone, but for those that a run which is kept refers to.
DELETE FROM stored_values
WHERE run <> '' AND run NOT IN (SELECT id FROM runs) AND id NOT IN (
    SELECT value FROM calls WHERE value IS NOT NULL
    UNION SELECT shown FROM calls WHERE shown IS NOT NULL
    UNION SELECT needs FROM calls WHERE needs IS NOT NULL
    UNION SELECT inputs FROM runs WHERE inputs IS NOT NULL
    UNION SELECT result FROM runs WHERE result IS NOT NULL
    UNION SELECT value FROM states
);

-- forget_values_of_run --
DELETE FROM stored_values WHERE run = :run;

-- run_of_call --
SELECT run FROM calls WHERE id = :id;

-- run_of_value --
SELECT run FROM stored_values WHERE id = :id;

-- user_version --
PRAGMA user_version;

-- add_packing --
-- From schema 1 to 2; a process that knows schema 1 only goes on writing beside it.
ALTER TABLE stored_values ADD COLUMN packing TEXT NOT NULL DEFAULT '';

-- add_index_of_keys --
CREATE INDEX stored_values_by_key ON stored_values (key_id);

-- drop_index_of_keys --
-- From schema 2 to 3: fewer pages are written for each step. What a table is made of stands in the schema.
DROP INDEX stored_values_by_key;

-- drop_index_of_runs --
DROP INDEX stored_values_by_run;

-- add_index_of_workflows --
CREATE INDEX runs_by_workflow ON runs (workflow, created);

-- add_index_of_runs --
CREATE INDEX stored_values_by_run ON stored_values (run, key_id);

-- set_attempts_aside --
ALTER TABLE attempts RENAME TO old_attempts;

-- copy_attempts --
INSERT INTO attempts (call, run, number, epoch, state, started, ended, error, traceback)
SELECT call, run, number, epoch, state, started, ended, error, traceback FROM old_attempts;

-- drop_old_attempts --
DROP TABLE old_attempts;

-- set_restores_aside --
ALTER TABLE restores RENAME TO old_restores;

-- copy_restores --
INSERT INTO restores SELECT * FROM old_restores;

-- drop_old_restores --
DROP TABLE old_restores;

-- add_tags --
-- From schema 3 to 4: waits, child runs, caches, tags, messages and states.
ALTER TABLE runs ADD COLUMN tags BLOB NOT NULL DEFAULT x'90';

-- add_due --
ALTER TABLE calls ADD COLUMN due REAL;

-- add_failures --
ALTER TABLE calls ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;

-- add_cached --
ALTER TABLE calls ADD COLUMN cached INTEGER NOT NULL DEFAULT 0;

-- add_child --
ALTER TABLE calls ADD COLUMN child TEXT;

-- add_index_of_cached --
CREATE INDEX calls_cached ON calls (step, inputs, code) WHERE cached = 1;

-- add_index_of_messages --
CREATE INDEX messages_by_run ON messages (run, at);

-- set_version --
PRAGMA user_version = 4;

-- integrity_check --
PRAGMA integrity_check;

-- write_ahead --
-- Readers and a writer do not wait for each other. The file remembers it.
PRAGMA journal_mode = WAL;

-- no_checkpoints --
-- Moving the log into the file is the work of a thread of its own, not of whoever commits.
PRAGMA wal_autocheckpoint = 0;

-- move_log --
-- Move what no reader stands in the way of, beside readers and writers.
PRAGMA wal_checkpoint(PASSIVE);

-- restart_log --
-- Move all of the log, so that it is written from its beginning again; waits for readers and writers.
PRAGMA wal_checkpoint(RESTART);

-- fullfsync --
-- On macOS a plain fsync leaves the bytes in the disk's cache.
PRAGMA fullfsync = ON;

-- synchronous_off --
-- Nothing is waited for.
PRAGMA synchronous = OFF;

-- synchronous_power --
-- A commit is on disk when it is acknowledged.
PRAGMA synchronous = FULL;

-- synchronous_process --
-- A commit outlives the process when it is acknowledged.
PRAGMA synchronous = NORMAL;

-- begin --
-- IMMEDIATE, because a transaction that begins by reading cannot wait for another writer.
BEGIN IMMEDIATE;

-- commit --
COMMIT;

-- rollback --
ROLLBACK;

-- value_holdings --
-- What each value takes, without reading its stream.
SELECT id, run, step, role, IFNULL(LENGTH(stream), 0) + LENGTH(preview) AS bytes, stream_blob, buffers
FROM stored_values;

-- references --
SELECT value, run, id AS call FROM calls WHERE value IS NOT NULL
UNION ALL SELECT shown, run, id FROM calls WHERE shown IS NOT NULL
UNION ALL SELECT needs, run, id FROM calls WHERE needs IS NOT NULL
UNION ALL SELECT inputs, id, NULL FROM runs WHERE inputs IS NOT NULL
UNION ALL SELECT result, id, NULL FROM runs WHERE result IS NOT NULL;

-- references_of_states --
SELECT value FROM states;

-- forget_attempts_of_call --
DELETE FROM attempts WHERE run = (SELECT run FROM calls WHERE id = :call) AND call = :call;

-- forget_restores_of_call --
DELETE FROM restores WHERE run = (SELECT run FROM calls WHERE id = :call) AND call = :call;

-- forget_call --
-- After its attempts and restores, which are found through it.
DELETE FROM calls WHERE id = :call;

-- forget_value --
DELETE FROM stored_values WHERE id = :value;

-- free_pages --
PRAGMA freelist_count;

-- pages --
PRAGMA page_count;

-- page_size --
PRAGMA page_size;

-- vacuum --
-- Write what is left closely packed.
VACUUM;

-- empty_log --
-- Move the log into the file, and cut it to nothing where nobody reads it.
PRAGMA wal_checkpoint(TRUNCATE);
