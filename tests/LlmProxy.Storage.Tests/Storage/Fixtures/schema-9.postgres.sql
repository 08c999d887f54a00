CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE IF NOT EXISTS schema_version (version integer PRIMARY KEY, applied_at timestamptz NOT NULL);
CREATE TABLE task_trajectory (
    row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    task_id text NOT NULL,
    tenant text NOT NULL,
    conversation_id text NOT NULL,
    parent_id text,
    session_id text,
    provider text NOT NULL,
    model text NOT NULL,
    client text NOT NULL,
    preset text NOT NULL,
    task_description text NOT NULL,
    status text NOT NULL,
    success boolean,
    quality_score double precision,
    iteration_count integer NOT NULL,
    tool_calls_count integer NOT NULL,
    failed_tool_results integer NOT NULL,
    clicks_total integer NOT NULL,
    clicks_hit integer NOT NULL,
    stated_error_rate double precision,
    stated_click_accuracy double precision,
    user_interventions integer NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cache_read_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    cost_usd numeric,
    started_at timestamptz NOT NULL,
    last_activity_at timestamptz NOT NULL,
    completed_at timestamptz,
    outcome_source text,
    is_provisional boolean NOT NULL,
    has_content boolean NOT NULL,
    example_ids text NOT NULL,
    arm text,
    tools_used text NOT NULL,
    comment text,
    UNIQUE (tenant, task_id)
);
CREATE INDEX task_trajectory_by_start ON task_trajectory (tenant, started_at, id);
CREATE INDEX task_trajectory_by_session ON task_trajectory (tenant, session_id, started_at) WHERE session_id IS NOT NULL;
CREATE INDEX task_trajectory_open ON task_trajectory (last_activity_at, id) WHERE status = 'active' OR is_provisional;
CREATE INDEX task_trajectory_active ON task_trajectory (tenant) WHERE status = 'active';

CREATE TABLE trajectory_step (
    trajectory_row bigint NOT NULL,
    idx integer NOT NULL,
    exchange_id text NOT NULL,
    dialect text NOT NULL,
    model text NOT NULL,
    system_prompt bytea,
    sent_system_prompt bytea,
    tools bytea,
    history_kept integer NOT NULL,
    messages text NOT NULL,
    reply bytea,
    stop_reason text,
    response_id text,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cache_read_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    started_at timestamptz NOT NULL,
    duration_ms double precision NOT NULL,
    time_to_first_byte_ms double precision,
    http_status integer NOT NULL,
    status text NOT NULL,
    PRIMARY KEY (trajectory_row, idx)
);

CREATE TABLE recorded_exchange (
    exchange_id text PRIMARY KEY,
    trajectory_row bigint NOT NULL,
    step_index integer NOT NULL
);
CREATE INDEX recorded_exchange_by_run ON recorded_exchange (trajectory_row);

CREATE TABLE content (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash bytea NOT NULL UNIQUE,
    codec integer NOT NULL,
    original_length integer NOT NULL,
    bytes bytea NOT NULL
);
CREATE TABLE trajectory_content (
    trajectory_row bigint NOT NULL,
    content_id bigint NOT NULL,
    PRIMARY KEY (trajectory_row, content_id)
);
CREATE INDEX trajectory_content_by_content ON trajectory_content (content_id);

CREATE TABLE correlation_key (
    tenant text NOT NULL,
    turn_key bytea NOT NULL,
    kind integer NOT NULL,
    trajectory_row bigint NOT NULL,
    step_index integer NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant, turn_key, kind, trajectory_row, step_index)
);
CREATE INDEX correlation_key_by_run ON correlation_key (trajectory_row);

CREATE TABLE trajectory_embedding (
    trajectory_row bigint NOT NULL,
    tenant text NOT NULL,
    model text NOT NULL,
    dimensions integer NOT NULL,
    kind text NOT NULL,
    embedding vector NOT NULL,
    text text NOT NULL,
    PRIMARY KEY (trajectory_row, model, dimensions, kind)
);
CREATE INDEX trajectory_embedding_by_model ON trajectory_embedding (tenant, model, dimensions);

CREATE TABLE few_shot_example (
    trajectory_row bigint PRIMARY KEY,
    tenant text NOT NULL,
    task_description text,
    pinned boolean NOT NULL,
    retired boolean NOT NULL,
    edited_json text,
    usage_count bigint NOT NULL,
    last_used_at timestamptz
);
CREATE INDEX few_shot_example_by_use ON few_shot_example (tenant, pinned, usage_count);

CREATE TABLE prompt_pin (
    tenant text NOT NULL,
    task_id text NOT NULL,
    template_set text NOT NULL,
    values_json text NOT NULL,
    example_ids text NOT NULL,
    result text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant, task_id)
);
CREATE TABLE template_set (hash text PRIMARY KEY, files text NOT NULL, at timestamptz NOT NULL);
CREATE TABLE store_setting (name text PRIMARY KEY, value bytea NOT NULL);
CREATE TABLE lexical_document_frequency (
    tenant text NOT NULL,
    model text NOT NULL,
    dimensions integer NOT NULL,
    documents bigint NOT NULL,
    frequencies bytea NOT NULL,
    PRIMARY KEY (tenant, model, dimensions)
);

-- Compressed already.
ALTER TABLE content ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Words come in cut already, as lexemes with their places: A for the task, B for other texts. In a table of its
-- own, so that a run's row can change without touching the index.
CREATE TABLE task_search (trajectory_row bigint PRIMARY KEY, tokens tsvector NOT NULL);
CREATE INDEX task_search_by_word ON task_search USING gin (tokens);
INSERT INTO schema_version (version, applied_at) VALUES (1, '2026-01-01T00:00:00Z');
ALTER TABLE task_trajectory ADD COLUMN version bigint NOT NULL DEFAULT 1;
INSERT INTO schema_version (version, applied_at) VALUES (2, '2026-01-01T00:00:00Z');
ALTER TABLE few_shot_example ADD COLUMN stated_successes bigint NOT NULL DEFAULT 0;
ALTER TABLE few_shot_example ADD COLUMN stated_failures bigint NOT NULL DEFAULT 0;
CREATE INDEX task_trajectory_by_arm ON task_trajectory (tenant, started_at) WHERE arm IS NOT NULL OR example_ids <> '[]';
INSERT INTO schema_version (version, applied_at) VALUES (3, '2026-01-01T00:00:00Z');
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
INSERT INTO schema_version (version, applied_at) VALUES (4, '2026-01-01T00:00:00Z');
ALTER TABLE task_trajectory ADD COLUMN claimed_at timestamptz;
INSERT INTO schema_version (version, applied_at) VALUES (5, '2026-01-01T00:00:00Z');
-- SQLite alone reads statistics from an index of their own.
INSERT INTO schema_version (version, applied_at) VALUES (6, '2026-01-01T00:00:00Z');
ALTER TABLE trajectory_step ADD COLUMN rhythm text;
INSERT INTO schema_version (version, applied_at) VALUES (7, '2026-01-01T00:00:00Z');
ALTER TABLE task_trajectory ADD COLUMN template_set text;
INSERT INTO schema_version (version, applied_at) VALUES (8, '2026-01-01T00:00:00Z');
CREATE TABLE content_part (
    content_id bigint NOT NULL,
    part_id bigint NOT NULL,
    PRIMARY KEY (content_id, part_id)
);
CREATE INDEX content_part_by_part ON content_part (part_id);
INSERT INTO schema_version (version, applied_at) VALUES (9, '2026-01-01T00:00:00Z');
INSERT INTO task_trajectory (id, task_id, tenant, conversation_id, provider, model, client, preset, task_description, status, success, quality_score,
    iteration_count, tool_calls_count, failed_tool_results, clicks_total, clicks_hit, user_interventions, input_tokens, output_tokens, cache_read_tokens,
    cache_write_tokens, reasoning_tokens, cost_usd, started_at, last_activity_at, completed_at, outcome_source, is_provisional, has_content, example_ids, tools_used)
VALUES ('run-old', 'task-old', 'default', 'conversation-old', 'anthropic', 'claude-sonnet-4-5', 'claude-code', 'generic', 'Count the words', 'completed', TRUE, 0.9,
    3, 2, 0, 0, 0, 0, 100, 20, 0, 0, 0, 0.25, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', 'api', FALSE, TRUE, '[]', '["Read","Bash"]');
INSERT INTO few_shot_example (trajectory_row, tenant, pinned, retired, usage_count) SELECT row_id, tenant, TRUE, FALSE, 4 FROM task_trajectory;
INSERT INTO store_setting (name, value) VALUES ('correlation_secret', '\x0707070707070707070707070707070707070707070707070707070707070707');
