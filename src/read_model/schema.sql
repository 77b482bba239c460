-- The read model. It is a copy of two DynamoDB tables and can be deleted at any time. Times are milliseconds since 1970
-- in UTC, days are days of the United Kingdom counted from the epoch, money is pence, percentages are hundredths.

CREATE TABLE about (
    -- Which tables this is a copy of.
    source TEXT NOT NULL
);

-- How far a table has been followed.
CREATE TABLE feeds (
    feed TEXT PRIMARY KEY,
    -- The time of the newest change that has been read.
    newest INTEGER NOT NULL,
    -- Whether the whole table has been read once.
    is_complete INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE applications (
    -- Grows with the time of submission, so that it gives the order of lists: see `entry::first_id`.
    id INTEGER PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    -- `updatedAt` as the table has it, by which the follower knows whether it has read a change.
    version TEXT NOT NULL,
    -- Every attribute of the item as JSON, from which lists are read.
    item TEXT NOT NULL,
    -- A hash of what was submitted, which tells whether the columns that follow from that have to be written again.
    submission INTEGER NOT NULL,
    status TEXT NOT NULL,
    submitted_day INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- When it came to its stage: see `entry::stage_since`.
    stage_since INTEGER NOT NULL,
    -- The task that an open application waits for, and when its answer is due.
    waiting_id TEXT,
    deadline INTEGER,
    loan_to_value INTEGER,
    -- When and how it ended, and how many milliseconds that took.
    ended_at INTEGER,
    ended_day INTEGER,
    is_decided INTEGER NOT NULL,
    -- Whether the decision is based on a manual valuation.
    is_manual INTEGER NOT NULL,
    took INTEGER,
    -- The same for all durations that are about as long: see `bucket::bucket`.
    took_bucket INTEGER,
    -- The address in one spelling, so that it can be compared.
    address TEXT NOT NULL,
    is_valued INTEGER NOT NULL,
    -- The texts that columns are sorted by, folded.
    reference_key TEXT NOT NULL,
    applicant_key TEXT,
    property_key TEXT NOT NULL,
    amount INTEGER,
    -- All texts that searches look at, folded, one a line, and then a line of their whole words, each between spaces.
    search_text TEXT NOT NULL
);

CREATE INDEX applications_status ON applications (status, id);
CREATE INDEX applications_stage ON applications (status, stage_since);
CREATE INDEX applications_waiting ON applications (waiting_id) WHERE waiting_id IS NOT NULL;
CREATE INDEX applications_address ON applications (address, id) WHERE is_valued;
CREATE INDEX applications_took ON applications (ended_day, is_manual, took_bucket, took) WHERE is_decided;

-- Two for each column that lists can be sorted by, because of rows with equal values the newest comes first in both
-- directions.
CREATE INDEX applications_reference_up ON applications (reference_key, id DESC);
CREATE INDEX applications_reference_down ON applications (reference_key, id);
CREATE INDEX applications_applicant_up ON applications (applicant_key, id DESC);
CREATE INDEX applications_applicant_down ON applications (applicant_key, id);
CREATE INDEX applications_property_up ON applications (property_key, id DESC);
CREATE INDEX applications_property_down ON applications (property_key, id);
CREATE INDEX applications_amount_up ON applications (amount, id DESC);
CREATE INDEX applications_amount_down ON applications (amount, id);
CREATE INDEX applications_loan_to_value_up ON applications (loan_to_value, id DESC);
CREATE INDEX applications_loan_to_value_down ON applications (loan_to_value, id);
CREATE INDEX applications_deadline_up ON applications (deadline, id DESC);
CREATE INDEX applications_deadline_down ON applications (deadline, id);
CREATE INDEX applications_updated_up ON applications (updated_at, id DESC);
CREATE INDEX applications_updated_down ON applications (updated_at, id);

-- Finds applications by any part of their search text, by its whole words, and by their references: see `text`. Its rowid
-- is the application's id.
CREATE VIRTUAL TABLE search USING fts5 (
    tokens, content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '2 4'
);

CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    item TEXT NOT NULL,
    reference TEXT NOT NULL,
    -- Whom it waits on: the name of a `WaitingOn`.
    waits_on TEXT NOT NULL,
    is_open INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    -- For a task that is over: the day, how it ended, and how many tenths of its time that took (see `ended`).
    ended_day INTEGER,
    ended_as TEXT,
    tenths INTEGER,
    valuation_reference TEXT
) WITHOUT ROWID;

CREATE INDEX tasks_application ON tasks (reference);
CREATE INDEX tasks_open ON tasks (deadline, id) WHERE is_open;
CREATE INDEX tasks_open_on ON tasks (waits_on, deadline, id) WHERE is_open;
CREATE INDEX tasks_not_open ON tasks (version) WHERE NOT is_open;

-- Counts, which triggers maintain, so that pages need not count rows.

CREATE TABLE status_counts (status TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE task_counts (waits_on TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE days (
    day INTEGER PRIMARY KEY,
    submitted INTEGER NOT NULL DEFAULT 0,
    ended INTEGER NOT NULL DEFAULT 0,
    decided INTEGER NOT NULL DEFAULT 0
);
-- The number of decisions of a day by bucket of duration, and with or without a manual valuation.
CREATE TABLE took_counts (
    day INTEGER NOT NULL,
    is_manual INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (day, is_manual, bucket)
) WITHOUT ROWID;
-- How the tasks of a day ended. Tasks that nobody waited for any more are not counted.
CREATE TABLE answer_counts (
    day INTEGER NOT NULL,
    waits_on TEXT NOT NULL,
    ended_as TEXT NOT NULL,
    tenths INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (day, waits_on, ended_as, tenths)
) WITHOUT ROWID;

CREATE TRIGGER application_comes AFTER INSERT ON applications BEGIN
    INSERT INTO status_counts VALUES (new.status, 1) ON CONFLICT DO UPDATE SET count = count + 1;
    INSERT INTO days (day, submitted) VALUES (new.submitted_day, 1) ON CONFLICT DO UPDATE SET submitted = submitted + 1;
    INSERT INTO days (day, ended, decided) SELECT new.ended_day, 1, new.is_decided WHERE new.ended_day IS NOT NULL
        ON CONFLICT DO UPDATE SET ended = ended + 1, decided = decided + new.is_decided;
    INSERT INTO took_counts SELECT new.ended_day, new.is_manual, new.took_bucket, 1 WHERE new.is_decided
        ON CONFLICT DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER application_goes AFTER DELETE ON applications BEGIN
    UPDATE status_counts SET count = count - 1 WHERE status = old.status;
    UPDATE days SET submitted = submitted - 1 WHERE day = old.submitted_day;
    UPDATE days SET ended = ended - 1, decided = decided - old.is_decided WHERE day = old.ended_day;
    UPDATE took_counts SET count = count - 1
        WHERE old.is_decided AND day = old.ended_day AND is_manual = old.is_manual AND bucket = old.took_bucket;
END;

CREATE TRIGGER application_moves AFTER UPDATE OF status ON applications WHEN old.status <> new.status BEGIN
    UPDATE status_counts SET count = count - 1 WHERE status = old.status;
    INSERT INTO status_counts VALUES (new.status, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER application_ends AFTER UPDATE OF ended_at, is_decided, is_manual ON applications
    WHEN old.ended_at IS NOT new.ended_at OR old.is_decided <> new.is_decided OR old.is_manual <> new.is_manual BEGIN
    UPDATE days SET ended = ended - 1, decided = decided - old.is_decided WHERE day = old.ended_day;
    UPDATE took_counts SET count = count - 1
        WHERE old.is_decided AND day = old.ended_day AND is_manual = old.is_manual AND bucket = old.took_bucket;
    INSERT INTO days (day, ended, decided) SELECT new.ended_day, 1, new.is_decided WHERE new.ended_day IS NOT NULL
        ON CONFLICT DO UPDATE SET ended = ended + 1, decided = decided + new.is_decided;
    INSERT INTO took_counts SELECT new.ended_day, new.is_manual, new.took_bucket, 1 WHERE new.is_decided
        ON CONFLICT DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER task_comes AFTER INSERT ON tasks WHEN new.is_open BEGIN
    INSERT INTO task_counts VALUES (new.waits_on, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER task_goes AFTER DELETE ON tasks WHEN old.is_open BEGIN
    UPDATE task_counts SET count = count - 1 WHERE waits_on = old.waits_on;
END;

CREATE TRIGGER task_moves AFTER UPDATE OF is_open ON tasks WHEN old.is_open <> new.is_open BEGIN
    INSERT INTO task_counts VALUES (new.waits_on, new.is_open - old.is_open)
        ON CONFLICT DO UPDATE SET count = count + new.is_open - old.is_open;
END;

CREATE TRIGGER ended_task_comes AFTER INSERT ON tasks WHEN new.ended_day IS NOT NULL BEGIN
    INSERT INTO answer_counts VALUES (new.ended_day, new.waits_on, new.ended_as, new.tenths, 1)
        ON CONFLICT DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER ended_task_goes AFTER DELETE ON tasks WHEN old.ended_day IS NOT NULL BEGIN
    UPDATE answer_counts SET count = count - 1
        WHERE day = old.ended_day AND waits_on = old.waits_on AND ended_as = old.ended_as AND tenths = old.tenths;
END;

CREATE TRIGGER task_ends AFTER UPDATE OF ended_day, ended_as, tenths ON tasks
    WHEN old.ended_day IS NOT new.ended_day OR old.ended_as IS NOT new.ended_as OR old.tenths IS NOT new.tenths BEGIN
    UPDATE answer_counts SET count = count - 1
        WHERE day = old.ended_day AND waits_on = old.waits_on AND ended_as = old.ended_as AND tenths = old.tenths;
    INSERT INTO answer_counts
        SELECT new.ended_day, new.waits_on, new.ended_as, new.tenths, 1 WHERE new.ended_day IS NOT NULL
        ON CONFLICT DO UPDATE SET count = count + 1;
END;
