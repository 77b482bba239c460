-- Each attempt at a task gets a nonce. Those of schema 3 have none: 0.
ALTER TABLE call RENAME TO old_call;
CREATE TABLE call (
    execution INTEGER NOT NULL,
    task INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    run INTEGER NOT NULL,
    work BLOB NOT NULL,
    context TEXT,
    PRIMARY KEY (execution, task)
) STRICT, WITHOUT ROWID;
INSERT INTO call SELECT execution, task, 0, run, work, NULL FROM old_call;
DROP TABLE old_call;

DROP INDEX sync_wait_child;
ALTER TABLE sync_wait RENAME TO old_sync_wait;
CREATE TABLE sync_wait (
    child INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    task INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    form INTEGER NOT NULL,
    PRIMARY KEY (parent, task)
) STRICT, WITHOUT ROWID;
CREATE INDEX sync_wait_child ON sync_wait (child);
INSERT INTO sync_wait SELECT child, parent, task, 0, form FROM old_sync_wait;
DROP TABLE old_sync_wait;

ALTER TABLE offer RENAME TO old_offer;
CREATE TABLE offer (
    activity INTEGER NOT NULL,
    execution INTEGER NOT NULL,
    task INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    input TEXT NOT NULL,
    PRIMARY KEY (activity, execution, task)
) STRICT, WITHOUT ROWID;
INSERT INTO offer SELECT activity, execution, task, 0, input FROM old_offer;
DROP TABLE old_offer;

-- The rows of map runs keep their ids: AUTOINCREMENT's counter goes on where it was.
DROP INDEX map_run_startable;
ALTER TABLE map_run RENAME TO old_map_run;
CREATE TABLE map_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    execution INTEGER NOT NULL,
    task INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    label TEXT NOT NULL,
    uuid TEXT NOT NULL UNIQUE,
    status INTEGER NOT NULL DEFAULT 0,
    started INTEGER NOT NULL,
    stopped INTEGER,
    processor TEXT NOT NULL,
    express INTEGER NOT NULL,
    max_concurrency INTEGER NOT NULL,
    tolerated_count INTEGER,
    tolerated_percentage REAL,
    items INTEGER NOT NULL,
    children INTEGER NOT NULL,
    next INTEGER NOT NULL DEFAULT 0,
    redrive_count INTEGER NOT NULL DEFAULT 0,
    redriven INTEGER,
    startable INTEGER NOT NULL DEFAULT 0,
    result_writing TEXT,
    UNIQUE (execution, task, nonce)
) STRICT;
CREATE INDEX map_run_startable ON map_run (startable) WHERE startable;
INSERT INTO map_run
SELECT id, execution, task, 0, label, uuid, status, started, stopped, CAST(processor AS TEXT), express, max_concurrency, tolerated_count,
       tolerated_percentage, items, children, next, redrive_count, redriven, startable, result_writing
FROM old_map_run;
INSERT INTO sqlite_sequence (name, seq)
SELECT 'map_run', seq FROM sqlite_sequence
WHERE name = 'old_map_run' AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'map_run');
UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'old_map_run')
WHERE name = 'map_run' AND EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'old_map_run');
DROP TABLE old_map_run;

-- The outputs of inline Map and Parallel states, and a Map's items, which were part of the state.
CREATE TABLE kept (
    execution INTEGER NOT NULL,
    branch INTEGER NOT NULL,
    part INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (execution, branch, part)
) STRICT, WITHOUT ROWID;

-- Retention looks for the executions that closed first.
CREATE INDEX execution_stopped ON execution (stopped) WHERE stopped IS NOT NULL AND map_run IS NULL;

-- Executions whose rows are deleted, until their histories and map runs are too.
CREATE TABLE removal (
    execution INTEGER PRIMARY KEY
) STRICT;

-- Events that follow from a change, beyond those that its own transaction has room for.
CREATE TABLE follow_up (
    id INTEGER PRIMARY KEY,
    execution INTEGER NOT NULL,
    event TEXT NOT NULL,
    -- Not before then, since delivering it has failed.
    not_before INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX follow_up_due ON follow_up (not_before);
CREATE INDEX follow_up_to ON follow_up (execution);
