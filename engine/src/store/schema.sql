-- Secrets and counters of the whole database, one row.
CREATE TABLE engine (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    -- Signs task tokens and page tokens.
    signing_key BLOB NOT NULL,
    -- Counts how often the database was opened: calls that an earlier run left unanswered are made again.
    run INTEGER NOT NULL,
    -- Whose the ARNs are that were given out.
    account_id TEXT,
    region TEXT
) STRICT;

-- The text of definitions, once each, however many revisions share it.
CREATE TABLE definition (
    id INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL UNIQUE,
    text TEXT NOT NULL
) STRICT;

CREATE TABLE state_machine (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    express INTEGER NOT NULL,
    -- DeleteStateMachine was called; the row goes when its executions have.
    deleting INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    -- What StartExecution takes: the current revision.
    revision INTEGER NOT NULL,
    -- The number of the latest published version; never used twice.
    last_version INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX state_machine_deleting ON state_machine (deleting) WHERE deleting;

-- What a state machine was at one time. Executions and versions refer to it, so an update changes neither.
CREATE TABLE revision (
    id INTEGER PRIMARY KEY,
    state_machine INTEGER NOT NULL,
    -- AWS's revisionId; the first revision has none.
    revision_id TEXT,
    definition INTEGER NOT NULL,
    role_arn TEXT NOT NULL,
    -- loggingConfiguration, tracingConfiguration and encryptionConfiguration as JSON.
    settings TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;
CREATE INDEX revision_of ON revision (state_machine);
CREATE INDEX revision_with ON revision (definition);

CREATE TABLE version (
    state_machine INTEGER NOT NULL,
    number INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    description TEXT,
    created INTEGER NOT NULL,
    PRIMARY KEY (state_machine, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE alias (
    id INTEGER PRIMARY KEY,
    state_machine INTEGER NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    -- One or two versions; weights add up to 100.
    first_version INTEGER NOT NULL,
    first_weight INTEGER NOT NULL,
    second_version INTEGER,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    UNIQUE (state_machine, name)
) STRICT;

-- AUTOINCREMENT: a task token names an execution by this number, which must never come to mean another.
CREATE TABLE execution (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state_machine INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    name TEXT NOT NULL,
    -- 0 running, 1 succeeded, 2 failed, 3 timed out, 4 aborted, 5 to be redriven by its map run
    status INTEGER NOT NULL,
    started INTEGER NOT NULL,
    stopped INTEGER,
    -- The version and alias it was started by, where it was.
    version INTEGER,
    alias TEXT,
    redrive_count INTEGER NOT NULL DEFAULT 0,
    redriven INTEGER,
    -- Of the child of a map run: its place among the children, and how many items it works on.
    map_run INTEGER,
    place INTEGER,
    items INTEGER,
    -- What may be long stands last: the rest is read without it.
    trace_header TEXT,
    input TEXT NOT NULL,
    output TEXT,
    error TEXT,
    cause TEXT,
    UNIQUE (state_machine, name)
) STRICT;
-- One for each way of listing: what a list does not want it does not look at either. All end with the id: newest first
-- is a scan backwards.
CREATE INDEX execution_of ON execution (state_machine) WHERE map_run IS NULL;
CREATE INDEX execution_with_status ON execution (state_machine, status) WHERE map_run IS NULL;
-- Few executions are in these, so they cost the others nothing.
CREATE INDEX execution_of_version ON execution (state_machine, version) WHERE version IS NOT NULL;
CREATE INDEX execution_of_version_with_status ON execution (state_machine, version, status) WHERE version IS NOT NULL;
CREATE INDEX execution_of_alias ON execution (state_machine, alias) WHERE alias IS NOT NULL;
CREATE INDEX execution_of_alias_with_status ON execution (state_machine, alias, status) WHERE alias IS NOT NULL;
CREATE INDEX execution_redriven ON execution (state_machine) WHERE redrive_count > 0 AND map_run IS NULL;
CREATE INDEX execution_redriven_with_status ON execution (state_machine, status)
    WHERE redrive_count > 0 AND map_run IS NULL;
CREATE INDEX execution_of_map_run ON execution (map_run) WHERE map_run IS NOT NULL;
CREATE INDEX execution_of_map_run_with_status ON execution (map_run, status) WHERE map_run IS NOT NULL;

-- For retention: the executions that closed first. Children of map runs go with their parents.
CREATE INDEX execution_stopped ON execution (stopped) WHERE stopped IS NOT NULL AND map_run IS NULL;

-- Where an execution that is not over stands; kept for those that can be redriven.
CREATE TABLE execution_state (
    execution INTEGER PRIMARY KEY,
    -- JSON, compressed where that is shorter.
    state BLOB NOT NULL
) STRICT;

-- What inline Map and Parallel states of such executions keep: written once, unlike the state.
CREATE TABLE kept (
    execution INTEGER NOT NULL,
    -- The branch that is in the Map or Parallel state.
    branch INTEGER NOT NULL,
    -- The index of the iteration or branch that this is the output of; -1 for the items of a Map.
    part INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (execution, branch, part)
) STRICT, WITHOUT ROWID;

-- The clientToken of an execution's last redrive: the same request again is the same redrive.
CREATE TABLE redrive (
    execution INTEGER PRIMARY KEY,
    client_token TEXT NOT NULL
) STRICT;

-- What a distributed Map's items run in, as executions of their own.
CREATE TABLE map_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Whose state it is, and what that execution knows it by.
    execution INTEGER NOT NULL,
    task INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    -- Both stand in its ARN.
    label TEXT NOT NULL,
    uuid TEXT NOT NULL UNIQUE,
    -- 0 running, 1 succeeded, 2 failed, 3 aborted
    status INTEGER NOT NULL DEFAULT 0,
    started INTEGER NOT NULL,
    stopped INTEGER,
    -- The name of the Map state whose processor its children run, and whether they are EXPRESS.
    processor TEXT NOT NULL,
    express INTEGER NOT NULL,
    -- 0 for as many as there may be.
    max_concurrency INTEGER NOT NULL,
    tolerated_count INTEGER,
    tolerated_percentage REAL,
    -- How many there are of both in all.
    items INTEGER NOT NULL,
    children INTEGER NOT NULL,
    -- The place of the child to be started next.
    next INTEGER NOT NULL DEFAULT 0,
    redrive_count INTEGER NOT NULL DEFAULT 0,
    redriven INTEGER,
    -- 1 when a child can be started now; 2 when children are to be brought in line with the run first, which has ended
    -- or been redriven; 0 when there is nothing to do.
    startable INTEGER NOT NULL DEFAULT 0,
    -- Where its results are written to and how, as JSON.
    result_writing TEXT,
    UNIQUE (execution, task, nonce)
) STRICT;
CREATE INDEX map_run_startable ON map_run (startable) WHERE startable;

-- What children that have not been started will work on.
CREATE TABLE map_run_item (
    map_run INTEGER NOT NULL,
    place INTEGER NOT NULL,
    items INTEGER NOT NULL,
    input TEXT NOT NULL,
    PRIMARY KEY (map_run, place)
) STRICT, WITHOUT ROWID;

-- How many of a map run's children, and of the items they work on, are in which status.
CREATE TABLE map_run_count (
    map_run INTEGER NOT NULL,
    status INTEGER NOT NULL,
    children INTEGER NOT NULL,
    items INTEGER NOT NULL,
    PRIMARY KEY (map_run, status)
) STRICT, WITHOUT ROWID;

-- One row an activation: its events as JSON, one a line, compressed where that is shorter. The id is
-- execution * 32768 + id of the first event, so an execution's events lie side by side and a page finds its place
-- without another index.
CREATE TABLE history (
    id INTEGER PRIMARY KEY,
    events BLOB NOT NULL
) STRICT;

CREATE TABLE timer (
    execution INTEGER NOT NULL,
    timer INTEGER NOT NULL,
    due INTEGER NOT NULL,
    PRIMARY KEY (execution, timer)
) STRICT, WITHOUT ROWID;
CREATE INDEX timer_due ON timer (due);

-- Calls to functions and services that have not been answered.
CREATE TABLE call (
    execution INTEGER NOT NULL,
    task INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    run INTEGER NOT NULL,
    work BLOB NOT NULL,
    -- The attempt that the call is made for, as JSON; none where a release up to schema 3 asked for the call.
    context TEXT,
    PRIMARY KEY (execution, task)
) STRICT, WITHOUT ROWID;

-- Executions that wait for the end of one they started (`.sync`).
CREATE TABLE sync_wait (
    child INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    task INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    -- Which form the answer takes: 1 `.sync`, 2 `.sync:2`
    form INTEGER NOT NULL,
    PRIMARY KEY (parent, task)
) STRICT, WITHOUT ROWID;
CREATE INDEX sync_wait_child ON sync_wait (child);

-- AUTOINCREMENT: what a deleted activity has left must not become another's.
CREATE TABLE activity (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    encryption TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;

-- Activities that were deleted, until what they offered is gone too.
CREATE TABLE deleted_activity (
    id INTEGER PRIMARY KEY
) STRICT;

-- Tasks that wait for a worker, oldest execution first.
CREATE TABLE offer (
    activity INTEGER NOT NULL,
    execution INTEGER NOT NULL,
    task INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    input TEXT NOT NULL,
    PRIMARY KEY (activity, execution, task)
) STRICT, WITHOUT ROWID;

CREATE TABLE tag (
    resource TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (resource, key)
) STRICT, WITHOUT ROWID;

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
