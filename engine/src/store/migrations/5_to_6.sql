-- Columns and tables get better names.
ALTER TABLE engine RENAME COLUMN run TO openings;
ALTER TABLE call RENAME COLUMN run TO opening;
ALTER TABLE kept RENAME TO branch_part;
DROP INDEX map_run_startable;
ALTER TABLE map_run RENAME COLUMN startable TO next_action;
CREATE INDEX map_run_next_action ON map_run (next_action) WHERE next_action;

-- The branches within Parallel and inline Map states, which were part of the state.
CREATE TABLE branch (
    execution INTEGER NOT NULL,
    branch INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    task INTEGER,
    timer INTEGER,
    heartbeat INTEGER,
    state BLOB NOT NULL,
    PRIMARY KEY (execution, branch)
) STRICT, WITHOUT ROWID;
CREATE INDEX branch_parent ON branch (execution, parent);
CREATE INDEX branch_task ON branch (execution, task) WHERE task IS NOT NULL;
CREATE INDEX branch_timer ON branch (execution, timer) WHERE timer IS NOT NULL;
CREATE INDEX branch_heartbeat ON branch (execution, heartbeat) WHERE heartbeat IS NOT NULL;
