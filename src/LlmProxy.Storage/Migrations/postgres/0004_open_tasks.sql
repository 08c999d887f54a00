CREATE UNLOGGED TABLE open_task (
    tenant text NOT NULL,
    task_id text COLLATE "C" NOT NULL,
    trajectory_id text NOT NULL,
    conversation_id text NOT NULL,
    parent_id text,
    session_id text,
    task_description text NOT NULL,
    model text,
    started_at timestamptz NOT NULL,
    last_step integer NOT NULL,
    ended_turn boolean NOT NULL,
    answered boolean NOT NULL,
    offers_tools boolean NOT NULL,
    stream boolean NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant, task_id)
);
CREATE INDEX open_task_by_age ON open_task (at);
CREATE UNLOGGED TABLE open_key (
    tenant text NOT NULL,
    turn_key bytea NOT NULL,
    kind integer NOT NULL,
    task_id text COLLATE "C" NOT NULL,
    step_index integer NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant, turn_key, kind, task_id, step_index)
);
CREATE INDEX open_key_by_age ON open_key (at);
CREATE INDEX open_key_by_task ON open_key (tenant, task_id);
