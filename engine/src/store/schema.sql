-- Secrets and counters of the whole database, in one row.
CREATE TABLE engine (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    -- Signs task tokens and page tokens.
    signing_key BLOB NOT NULL,
    -- The number of times that the database has been opened.
    openings INTEGER NOT NULL,
    -- The account and region in the ARNs that were issued.
    account_id TEXT,
    region TEXT
) STRICT;

-- The texts of definitions. Revisions with the same definition share a row.
CREATE TABLE definition (
    id INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL UNIQUE,
    text TEXT NOT NULL
) STRICT;

CREATE TABLE state_machine (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    express INTEGER NOT NULL,
    -- DeleteStateMachine was called. The row is deleted after its executions.
    deleting INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    -- The current revision, which StartExecution uses.
    revision INTEGER NOT NULL,
    -- The number of the latest published version. Numbers are not reused.
    last_version INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX state_machine_deleting ON state_machine (deleting) WHERE deleting;

-- A state machine at one point in time. Executions and versions refer to it, so an update does not affect them.
CREATE TABLE revision (
    id INTEGER PRIMARY KEY,
    state_machine INTEGER NOT NULL,
    -- AWS's revisionId. The first revision has none.
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
    -- One or two versions, whose weights add up to 100.
    first_version INTEGER NOT NULL,
    first_weight INTEGER NOT NULL,
    second_version INTEGER,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    UNIQUE (state_machine, name)
) STRICT;

-- AUTOINCREMENT, because task tokens contain this number, so it must not be reused.
CREATE TABLE execution (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state_machine INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    name TEXT NOT NULL,
    -- 0 running, 1 succeeded, 2 failed, 3 timed out, 4 aborted, 5 to be redriven by its map run
    status INTEGER NOT NULL,
    started INTEGER NOT NULL,
    stopped INTEGER,
    -- The version and alias that the execution was started with, if any.
    version INTEGER,
    alias TEXT,
    redrive_count INTEGER NOT NULL DEFAULT 0,
    redriven INTEGER,
    -- For a child of a map run: its index among the children, and the number of items that it processes.
    map_run INTEGER,
    place INTEGER,
    items INTEGER,
    -- Large columns are last, so that the others can be read without them.
    trace_header TEXT,
    input TEXT NOT NULL,
    output TEXT,
    error TEXT,
    cause TEXT,
    UNIQUE (state_machine, name)
) STRICT;
-- One index for each filter of a list, so that a list only examines matching rows. All end with the id, so newest first
-- is a backward scan.
CREATE INDEX execution_of ON execution (state_machine) WHERE map_run IS NULL;
CREATE INDEX execution_with_status ON execution (state_machine, status) WHERE map_run IS NULL;
-- Few executions are in these indexes, so they cost the others nothing.
CREATE INDEX execution_of_version ON execution (state_machine, version) WHERE version IS NOT NULL;
CREATE INDEX execution_of_version_with_status ON execution (state_machine, version, status) WHERE version IS NOT NULL;
CREATE INDEX execution_of_alias ON execution (state_machine, alias) WHERE alias IS NOT NULL;
CREATE INDEX execution_of_alias_with_status ON execution (state_machine, alias, status) WHERE alias IS NOT NULL;
CREATE INDEX execution_redriven ON execution (state_machine) WHERE redrive_count > 0 AND map_run IS NULL;
CREATE INDEX execution_redriven_with_status ON execution (state_machine, status)
    WHERE redrive_count > 0 AND map_run IS NULL;
CREATE INDEX execution_of_map_run ON execution (map_run) WHERE map_run IS NOT NULL;
CREATE INDEX execution_of_map_run_with_status ON execution (map_run, status) WHERE map_run IS NOT NULL;

-- For retention: the executions that ended first. Children of map runs are deleted with their parents.
CREATE INDEX execution_stopped ON execution (stopped) WHERE stopped IS NOT NULL AND map_run IS NULL;

-- The state of running executions, and of ended ones that can be redriven.
CREATE TABLE execution_state (
    execution INTEGER PRIMARY KEY,
    -- JSON, compressed where that is shorter.
    state BLOB NOT NULL
) STRICT;

-- The branches within Parallel and inline Map states of these executions. The state contains only the outermost branch,
-- because it is written with every step.
CREATE TABLE branch (
    execution INTEGER NOT NULL,
    branch INTEGER NOT NULL,
    -- The branch that is in the Parallel or Map state.
    parent INTEGER NOT NULL,
    -- What the branch waits for: the event id of a task or map run, a timer, and the timer of a task's heartbeat.
    task INTEGER,
    timer INTEGER,
    heartbeat INTEGER,
    -- JSON, compressed where that is shorter.
    state BLOB NOT NULL,
    PRIMARY KEY (execution, branch)
) STRICT, WITHOUT ROWID;
CREATE INDEX branch_parent ON branch (execution, parent);
CREATE INDEX branch_task ON branch (execution, task) WHERE task IS NOT NULL;
CREATE INDEX branch_timer ON branch (execution, timer) WHERE timer IS NOT NULL;
CREATE INDEX branch_heartbeat ON branch (execution, heartbeat) WHERE heartbeat IS NOT NULL;

-- Values that Parallel and inline Map states of these executions store. Each is written once.
CREATE TABLE branch_part (
    execution INTEGER NOT NULL,
    -- The branch that is in the Parallel or Map state.
    branch INTEGER NOT NULL,
    -- The index of the iteration or branch whose output this is, or -1 for the items of a Map.
    part INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (execution, branch, part)
) STRICT, WITHOUT ROWID;

-- The clientToken of an execution's last redrive, which makes repeated requests idempotent.
CREATE TABLE redrive (
    execution INTEGER PRIMARY KEY,
    client_token TEXT NOT NULL
) STRICT;

-- The runs of distributed Maps, whose items are processed by executions of their own.
CREATE TABLE map_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The execution whose state started the run, and the task that identifies the run in it.
    execution INTEGER NOT NULL,
    task INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    -- Both are part of the ARN.
    label TEXT NOT NULL,
    uuid TEXT NOT NULL UNIQUE,
    -- 0 running, 1 succeeded, 2 failed, 3 aborted
    status INTEGER NOT NULL DEFAULT 0,
    started INTEGER NOT NULL,
    stopped INTEGER,
    -- The name of the Map state whose processor the children run, and whether they are EXPRESS.
    processor TEXT NOT NULL,
    express INTEGER NOT NULL,
    -- 0 means no limit.
    max_concurrency INTEGER NOT NULL,
    tolerated_count INTEGER,
    tolerated_percentage REAL,
    -- The total numbers of items and children.
    items INTEGER NOT NULL,
    children INTEGER NOT NULL,
    -- The index of the next child to start.
    next INTEGER NOT NULL DEFAULT 0,
    redrive_count INTEGER NOT NULL DEFAULT 0,
    redriven INTEGER,
    -- What is to be done next: 0 nothing, 1 start children, 2 reconcile children with the run, which has ended or been
    -- redriven.
    next_action INTEGER NOT NULL DEFAULT 0,
    -- Where and how its results are written, as JSON.
    result_writing TEXT,
    UNIQUE (execution, task, nonce)
) STRICT;
CREATE INDEX map_run_next_action ON map_run (next_action) WHERE next_action;

-- The inputs of children that have not been started.
CREATE TABLE map_run_item (
    map_run INTEGER NOT NULL,
    place INTEGER NOT NULL,
    items INTEGER NOT NULL,
    input TEXT NOT NULL,
    PRIMARY KEY (map_run, place)
) STRICT, WITHOUT ROWID;

-- The numbers of a map run's children, and of their items, by status.
CREATE TABLE map_run_count (
    map_run INTEGER NOT NULL,
    status INTEGER NOT NULL,
    children INTEGER NOT NULL,
    items INTEGER NOT NULL,
    PRIMARY KEY (map_run, status)
) STRICT, WITHOUT ROWID;

-- One row per activation, with its events as one JSON document per line, compressed if that is shorter. The id is
-- execution * 32768 + id of the first event, so the events of an execution are adjacent and a page needs no other index.
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
    -- The opening of the database in which the call was requested. Calls of earlier ones are repeated.
    opening INTEGER NOT NULL,
    -- JSON, compressed where that is shorter.
    work BLOB NOT NULL,
    -- The attempt that the call is made for, as JSON. NULL if a release up to schema 3 requested the call.
    context TEXT,
    PRIMARY KEY (execution, task)
) STRICT, WITHOUT ROWID;

-- Executions that wait for the end of one they started (`.sync`).
CREATE TABLE sync_wait (
    child INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    task INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    -- The format of the answer: 1 `.sync`, 2 `.sync:2`
    form INTEGER NOT NULL,
    PRIMARY KEY (parent, task)
) STRICT, WITHOUT ROWID;
CREATE INDEX sync_wait_child ON sync_wait (child);

-- AUTOINCREMENT, because what a deleted activity leaves behind must not belong to a new one.
CREATE TABLE activity (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    encryption TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;

-- Deleted activities whose offers have not been deleted yet.
CREATE TABLE deleted_activity (
    id INTEGER PRIMARY KEY
) STRICT;

-- Tasks that wait for a worker, those of the oldest execution first.
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

-- Deleted executions whose histories and map runs have not been deleted yet.
CREATE TABLE removal (
    execution INTEGER PRIMARY KEY
) STRICT;

-- Events that follow from a change and did not fit into its transaction.
CREATE TABLE follow_up (
    id INTEGER PRIMARY KEY,
    execution INTEGER NOT NULL,
    event TEXT NOT NULL,
    -- The earliest time of delivery, because delivering it has failed.
    not_before INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX follow_up_due ON follow_up (not_before);
CREATE INDEX follow_up_to ON follow_up (execution);
