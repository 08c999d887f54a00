-- What judges found. Answers hold no text of the trajectory; quotes and critique do, and go with its content.
CREATE TABLE judgement (
    judgement_key TEXT PRIMARY KEY,
    trajectory_row INTEGER NOT NULL,
    kind TEXT NOT NULL,
    model TEXT NOT NULL,
    rubric_version INTEGER NOT NULL,
    content_hash TEXT NOT NULL,
    success INTEGER,
    score REAL,
    answers TEXT NOT NULL,
    peers TEXT NOT NULL,
    quotes TEXT,
    critique TEXT,
    input_tokens INTEGER,
    output_tokens INTEGER,
    at INTEGER NOT NULL,
    UNIQUE (trajectory_row, content_hash, rubric_version, model, kind)
);
-- Answers of models that were asked for a trajectory, with their cost in millionths of a USD.
CREATE TABLE assistance (
    assistance_key TEXT PRIMARY KEY,
    trajectory_row INTEGER NOT NULL,
    kind TEXT NOT NULL,
    model TEXT NOT NULL,
    input_tokens INTEGER,
    output_tokens INTEGER,
    micro_usd INTEGER NOT NULL,
    text TEXT,
    at INTEGER NOT NULL
);
CREATE INDEX assistance_by_trajectory ON assistance (trajectory_row);
-- Which process judges a trajectory until when, and with how many steps it was judged last.
CREATE TABLE judging (
    trajectory_row INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    claimed_until INTEGER NOT NULL,
    judged_steps INTEGER
);
-- Spent on a day, reservations included.
CREATE TABLE assistant_budget (
    name TEXT NOT NULL,
    day TEXT NOT NULL,
    micro_usd INTEGER NOT NULL,
    PRIMARY KEY (name, day)
);
CREATE TABLE assistant_reservation (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    day TEXT NOT NULL,
    micro_usd INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX assistant_reservation_expires ON assistant_reservation (expires_at);
CREATE INDEX task_trajectory_finished ON task_trajectory (completed_at) WHERE has_content AND NOT is_provisional AND completed_at IS NOT NULL;
