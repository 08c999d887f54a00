-- What judges found. Answers hold no text of the trajectory; quotes and critique do, and go with its content.
CREATE TABLE judgement (
    judgement_key text PRIMARY KEY,
    trajectory_row bigint NOT NULL,
    kind text NOT NULL,
    model text NOT NULL,
    rubric_version INTEGER NOT NULL,
    content_hash text NOT NULL,
    success boolean,
    score double precision,
    answers text NOT NULL,
    peers text NOT NULL,
    quotes text,
    critique text,
    input_tokens bigint,
    output_tokens bigint,
    at timestamptz NOT NULL,
    UNIQUE (trajectory_row, content_hash, rubric_version, model, kind)
);
-- Answers of models that were asked for a trajectory, with their cost in millionths of a USD.
CREATE TABLE assistance (
    assistance_key text PRIMARY KEY,
    trajectory_row bigint NOT NULL,
    kind text NOT NULL,
    model text NOT NULL,
    input_tokens bigint,
    output_tokens bigint,
    micro_usd bigint NOT NULL,
    text text,
    at timestamptz NOT NULL
);
CREATE INDEX assistance_by_trajectory ON assistance (trajectory_row);
-- Which process judges a trajectory until when, and with how many steps it was judged last.
CREATE TABLE judging (
    trajectory_row bigint PRIMARY KEY,
    owner text NOT NULL,
    claimed_until timestamptz NOT NULL,
    judged_steps INTEGER
);
-- Spent on a day, reservations included.
CREATE TABLE assistant_budget (
    name text NOT NULL,
    day text NOT NULL,
    micro_usd bigint NOT NULL,
    PRIMARY KEY (name, day)
);
CREATE TABLE assistant_reservation (
    id text PRIMARY KEY,
    name text NOT NULL,
    day text NOT NULL,
    micro_usd bigint NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX assistant_reservation_expires ON assistant_reservation (expires_at);
CREATE INDEX task_trajectory_finished ON task_trajectory (completed_at) WHERE has_content AND NOT is_provisional AND completed_at IS NOT NULL;
