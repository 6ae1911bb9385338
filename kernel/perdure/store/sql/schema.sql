-- The journal of a store, schema version 4. Times are seconds since 1970 (UTC), digests hexadecimal text.
-- Lists and maps are msgpack in a BLOB: they can be read without Perdure.
-- The text of a column is UTF-8; text that is not (a lone surrogate) is kept as a BLOB of its bytes.

PRAGMA page_size = 2048;  -- a commit writes each page that it touches, and most of them for one small row
PRAGMA application_id = 0x50524455;  -- "PRDU"
PRAGMA user_version = 4;

-- One execution of a workflow, from its inputs to its result.
CREATE TABLE runs (
    id          TEXT PRIMARY KEY,      -- r_ and eight hexadecimal digits
    workflow    TEXT NOT NULL,         -- name of the workflow
    key         TEXT NOT NULL,         -- digest of its inputs or parameters, or the key that was given
    kind        TEXT NOT NULL,         -- notebook, cell or function
    state       TEXT NOT NULL,         -- where it stands
    created     REAL NOT NULL,         -- when it was first claimed
    updated     REAL NOT NULL,         -- when this row was last changed
    parent      TEXT,                  -- the run from which it was started
    forked_from TEXT,                  -- the finished run whose calls it may restore
    code        TEXT NOT NULL,         -- digest of the body when it last ran
    epoch       INTEGER NOT NULL,      -- number of owners so far: only the newest may write
    notebook    TEXT,                  -- path of the notebook or script, a hint
    inputs      TEXT,                  -- value that holds its inputs
    result      TEXT,                  -- value that holds its result
    error       TEXT,                  -- one line, when it failed or was cancelled
    finished    REAL,                  -- when it ended; NULL until then
    tags        BLOB NOT NULL DEFAULT x'90'  -- list of [name, value]
);
CREATE INDEX runs_by_key ON runs (workflow, parent, key);
CREATE INDEX runs_by_parent ON runs (parent);
CREATE INDEX runs_by_time ON runs (created);
CREATE INDEX runs_by_workflow ON runs (workflow, created);

-- One process that owned a run for a while.
CREATE TABLE sessions (
    run     TEXT NOT NULL,             -- the run that it owned
    epoch   INTEGER NOT NULL,          -- the how-manieth owner it was
    pid     INTEGER NOT NULL,          -- process
    host    TEXT NOT NULL,             -- machine
    started REAL NOT NULL,             -- when it took the run
    seen    REAL NOT NULL,             -- when it last wrote
    ended   REAL,                      -- when it let go in good order; NULL if it lives or was killed
    PRIMARY KEY (run, epoch)
);

-- One use of a step inside a run. Its key stands in parts (branch, step, inputs, occurrence, code).
CREATE TABLE calls (
    id          TEXT PRIMARY KEY,      -- c_ and eight hexadecimal digits
    run         TEXT NOT NULL,         -- the run in which it was made
    seq         INTEGER NOT NULL,      -- position in the run
    branch      TEXT NOT NULL,         -- path of parallel children, empty for the trunk
    step        TEXT NOT NULL,         -- name of the step
    inputs      TEXT NOT NULL,         -- digest over all input parts
    occurrence  INTEGER NOT NULL,      -- counts equal calls within one pass, from 0
    code        TEXT NOT NULL,         -- digest over all code parts
    kind        TEXT NOT NULL,         -- pure, effect, volatile, wait, noted or child
    state       TEXT NOT NULL,         -- where it stands
    epoch       INTEGER NOT NULL,      -- the owner that made it
    started     REAL NOT NULL,         -- when it began
    key         TEXT,                  -- the key that the user gave
    ended       REAL,                  -- when it ended
    took        REAL NOT NULL,         -- seconds of work in the last attempt
    input_parts BLOB NOT NULL,         -- list of [name, digest, weak, preview]
    code_parts  BLOB NOT NULL,         -- list of [name, digest, weak, where it stands]
    reason      TEXT NOT NULL,         -- why it ran, in words
    source      TEXT NOT NULL,         -- the code as it was typed
    cell        TEXT,                  -- id of the cell, a hint
    position    INTEGER NOT NULL,      -- execution count of the cell, a hint
    value       TEXT,                  -- value that holds its result or outputs
    shown       TEXT,                  -- value that holds what it printed and drew
    needs       TEXT,                  -- value that holds what it read from unmarked cells
    outputs     BLOB NOT NULL,         -- list of [name, how, type, digest, cause]
    bytes       INTEGER NOT NULL,      -- bytes of its values, before sharing
    caught      INTEGER NOT NULL,      -- 1 if it failed and the body went on
    error       TEXT,                  -- one line, when the last attempt failed
    due         REAL,                  -- while it waits: when that ends
    failures    INTEGER NOT NULL DEFAULT 0,  -- failed attempts that count against its retries
    cached      INTEGER NOT NULL DEFAULT 0,  -- 1 if other runs may use its result
    child       TEXT                   -- of a child: the run
);
CREATE INDEX calls_by_run ON calls (run, seq);
CREATE INDEX calls_cached ON calls (step, inputs, code) WHERE cached = 1;

-- One try at a call.
CREATE TABLE attempts (
    call      TEXT NOT NULL,           -- the call that was tried
    run       TEXT NOT NULL,           -- the run of that call
    number    INTEGER NOT NULL,        -- from 1
    epoch     INTEGER NOT NULL,        -- the owner that tried
    state     TEXT NOT NULL,           -- where it stands
    started   REAL NOT NULL,           -- when it began
    ended     REAL,                    -- when it ended
    error     TEXT,                    -- one line, when it failed
    traceback TEXT,                    -- the user's frames only
    executor  TEXT NOT NULL DEFAULT '',  -- where it ran; empty for a thread of the run's process
    memory    INTEGER,                 -- bytes that its process held when this was last looked at
    PRIMARY KEY (run, call, number)
) WITHOUT ROWID;

-- A checkpoint that was used instead of running the call.
CREATE TABLE restores (
    run        TEXT NOT NULL,          -- the run that used it
    call       TEXT NOT NULL,          -- the call that was not run
    epoch      INTEGER NOT NULL,       -- the owner that used it
    at         REAL NOT NULL,          -- when
    took       REAL NOT NULL,          -- seconds that the restore cost
    saved      REAL NOT NULL,          -- seconds of work that were not needed again
    reason     TEXT NOT NULL,          -- why it was still valid
    older_code INTEGER NOT NULL,       -- 1 if it was restored although its code was edited
    PRIMARY KEY (run, call, epoch)
) WITHOUT ROWID;

-- A small named fact about a run.
CREATE TABLE notes (
    run  TEXT NOT NULL,                -- the run
    kind TEXT NOT NULL,                -- such as setup or parameter
    name TEXT NOT NULL,                -- its name within the kind
    at   REAL NOT NULL,                -- when it was noted
    data BLOB NOT NULL,                -- map
    PRIMARY KEY (run, kind, name)
);

-- Something that anybody tells the owner of a run; gone once the owner acted.
CREATE TABLE messages (
    id   TEXT PRIMARY KEY,             -- m_ and sixteen hexadecimal digits
    run  TEXT NOT NULL,                -- whose owner is told
    kind TEXT NOT NULL,                -- wake or cancel
    name TEXT NOT NULL,                -- whom it is for within the run; empty for the run itself
    at   REAL NOT NULL,                -- when it was said
    data BLOB NOT NULL                 -- map
);
CREATE INDEX messages_by_run ON messages (run, at);

-- One entry of a workflow's small durable dict.
CREATE TABLE states (
    workflow TEXT NOT NULL,            -- the workflow
    name     TEXT NOT NULL,            -- the dict's name
    item     TEXT NOT NULL,            -- the entry's key
    run      TEXT NOT NULL,            -- the run that wrote it
    value    TEXT NOT NULL,            -- its value
    at       REAL NOT NULL,            -- when
    PRIMARY KEY (workflow, name, item)
) WITHOUT ROWID;

-- A stored value: what is needed to check, list and preview it without decoding it.
CREATE TABLE stored_values (
    id          TEXT PRIMARY KEY,      -- v_ and sixteen hexadecimal digits
    run         TEXT NOT NULL,         -- the run, covered by the signature; empty for none
    step        TEXT NOT NULL,         -- the step, covered by the signature
    inputs      TEXT NOT NULL,         -- digest of the step's inputs, covered by the signature
    role        TEXT NOT NULL,         -- value, shown, needs, inputs, result, setup or state; covered by the signature
    format      INTEGER NOT NULL,      -- version of the envelope's format
    codec       TEXT NOT NULL,         -- plain (no class is constructed) or full
    python      TEXT NOT NULL,         -- version that wrote it
    packages    BLOB NOT NULL,         -- map of package to version
    digest      TEXT NOT NULL,         -- digest of stream and buffers as they are stored
    size        INTEGER NOT NULL,      -- bytes of stream and buffers, unpacked
    preview     BLOB NOT NULL,         -- map; enough to show it
    stream      BLOB,                  -- the stream, when it is small
    stream_blob TEXT,                  -- the blob that holds the stream, when it is large
    buffers     BLOB NOT NULL,         -- list of the blobs that hold the large buffers, in order
    key_id      TEXT NOT NULL,         -- short fingerprint of the key that signed it
    signature   BLOB NOT NULL,         -- HMAC-SHA256, as the format has it
    created     REAL NOT NULL,         -- when it was stored
    packing     TEXT NOT NULL DEFAULT ''  -- zstd (compressed), aes (encrypted), zstd+aes, or empty
);
CREATE INDEX stored_values_by_run ON stored_values (run, key_id);
