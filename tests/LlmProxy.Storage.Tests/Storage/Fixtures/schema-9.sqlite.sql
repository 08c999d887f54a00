CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL);
CREATE TABLE task_trajectory (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    task_id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    parent_id TEXT,
    session_id TEXT,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    client TEXT NOT NULL,
    preset TEXT NOT NULL,
    task_description TEXT NOT NULL,
    status TEXT NOT NULL,
    success INTEGER,
    quality_score REAL,
    iteration_count INTEGER NOT NULL,
    tool_calls_count INTEGER NOT NULL,
    failed_tool_results INTEGER NOT NULL,
    clicks_total INTEGER NOT NULL,
    clicks_hit INTEGER NOT NULL,
    stated_error_rate REAL,
    stated_click_accuracy REAL,
    user_interventions INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost_usd REAL,
    started_at INTEGER NOT NULL,
    last_activity_at INTEGER NOT NULL,
    completed_at INTEGER,
    outcome_source TEXT,
    is_provisional INTEGER NOT NULL,
    has_content INTEGER NOT NULL,
    example_ids TEXT NOT NULL,
    arm TEXT,
    tools_used TEXT NOT NULL,
    comment TEXT,
    UNIQUE (tenant, task_id)
);
CREATE INDEX task_trajectory_by_start ON task_trajectory (tenant, started_at, id);
CREATE INDEX task_trajectory_by_session ON task_trajectory (tenant, session_id, started_at) WHERE session_id IS NOT NULL;
CREATE INDEX task_trajectory_open ON task_trajectory (last_activity_at, id) WHERE status = 'active' OR is_provisional;
CREATE INDEX task_trajectory_active ON task_trajectory (tenant) WHERE status = 'active';

CREATE TABLE trajectory_step (
    trajectory_row INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    exchange_id TEXT NOT NULL,
    dialect TEXT NOT NULL,
    model TEXT NOT NULL,
    system_prompt BLOB,
    sent_system_prompt BLOB,
    tools BLOB,
    history_kept INTEGER NOT NULL,
    messages TEXT NOT NULL,
    reply BLOB,
    stop_reason TEXT,
    response_id TEXT,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    duration_ms REAL NOT NULL,
    time_to_first_byte_ms REAL,
    http_status INTEGER NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (trajectory_row, idx)
);

CREATE TABLE recorded_exchange (
    exchange_id TEXT PRIMARY KEY,
    trajectory_row INTEGER NOT NULL,
    step_index INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX recorded_exchange_by_run ON recorded_exchange (trajectory_row);

CREATE TABLE content (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE,
    codec INTEGER NOT NULL,
    original_length INTEGER NOT NULL,
    bytes BLOB NOT NULL
);
CREATE TABLE trajectory_content (
    trajectory_row INTEGER NOT NULL,
    content_id INTEGER NOT NULL,
    PRIMARY KEY (trajectory_row, content_id)
) WITHOUT ROWID;
CREATE INDEX trajectory_content_by_content ON trajectory_content (content_id);

CREATE TABLE correlation_key (
    tenant TEXT NOT NULL,
    turn_key BLOB NOT NULL,
    kind INTEGER NOT NULL,
    trajectory_row INTEGER NOT NULL,
    step_index INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (tenant, turn_key, kind, trajectory_row, step_index)
) WITHOUT ROWID;
CREATE INDEX correlation_key_by_run ON correlation_key (trajectory_row);

CREATE TABLE trajectory_embedding (
    trajectory_row INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    model TEXT NOT NULL,
    dimensions INTEGER NOT NULL,
    kind TEXT NOT NULL,
    embedding BLOB NOT NULL,
    text TEXT NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (trajectory_row, model, dimensions, kind)
);
CREATE INDEX trajectory_embedding_by_model ON trajectory_embedding (tenant, model, dimensions);
CREATE INDEX trajectory_embedding_by_change ON trajectory_embedding (change);
-- Counts transactions that changed vectors, so that a process sees what another one did: from which change on
-- it must read, and whether vectors went away since.
CREATE TABLE embedding_change (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    changes INTEGER NOT NULL,
    last_removal INTEGER NOT NULL
);
INSERT INTO embedding_change (id, changes, last_removal) VALUES (1, 0, 0);

CREATE TABLE few_shot_example (
    trajectory_row INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    task_description TEXT,
    pinned INTEGER NOT NULL,
    retired INTEGER NOT NULL,
    edited_json TEXT,
    usage_count INTEGER NOT NULL,
    last_used_at INTEGER
);
CREATE INDEX few_shot_example_by_use ON few_shot_example (tenant, pinned, usage_count);

CREATE TABLE prompt_pin (
    tenant TEXT NOT NULL,
    task_id TEXT NOT NULL,
    template_set TEXT NOT NULL,
    values_json TEXT NOT NULL,
    example_ids TEXT NOT NULL,
    result TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (tenant, task_id)
);
CREATE TABLE template_set (hash TEXT PRIMARY KEY, files TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE store_setting (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE lexical_document_frequency (
    tenant TEXT NOT NULL,
    model TEXT NOT NULL,
    dimensions INTEGER NOT NULL,
    documents INTEGER NOT NULL,
    frequencies BLOB NOT NULL,
    PRIMARY KEY (tenant, model, dimensions)
);

-- Words come in cut already, separated by blanks; the tokenizer must not cut them again. The index keeps no
-- copy of the text.
CREATE VIRTUAL TABLE task_search USING fts5 (task, texts, content = '', contentless_delete = 1, tokenize = 'ascii');
INSERT INTO schema_version (version, applied_at) VALUES (1, 1700000000000000);
ALTER TABLE task_trajectory ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
INSERT INTO schema_version (version, applied_at) VALUES (2, 1700000000000000);
ALTER TABLE few_shot_example ADD COLUMN stated_successes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE few_shot_example ADD COLUMN stated_failures INTEGER NOT NULL DEFAULT 0;
CREATE INDEX task_trajectory_by_arm ON task_trajectory (tenant, started_at) WHERE arm IS NOT NULL OR example_ids <> '[]';
INSERT INTO schema_version (version, applied_at) VALUES (3, 1700000000000000);
-- Open tasks are shared between processes in PostgreSQL alone.
INSERT INTO schema_version (version, applied_at) VALUES (4, 1700000000000000);
-- Idle runs are shared between processes in PostgreSQL alone.
INSERT INTO schema_version (version, applied_at) VALUES (5, 1700000000000000);
CREATE INDEX task_trajectory_by_model ON task_trajectory (tenant, provider, model, started_at / 86400000000, started_at, status, success,
    quality_score, has_content, iteration_count, tool_calls_count, failed_tool_results, user_interventions, input_tokens, output_tokens, cost_usd,
    stated_click_accuracy, clicks_hit, clicks_total);
INSERT INTO schema_version (version, applied_at) VALUES (6, 1700000000000000);
ALTER TABLE trajectory_step ADD COLUMN rhythm TEXT;
INSERT INTO schema_version (version, applied_at) VALUES (7, 1700000000000000);
ALTER TABLE task_trajectory ADD COLUMN template_set TEXT;
INSERT INTO schema_version (version, applied_at) VALUES (8, 1700000000000000);
CREATE TABLE content_part (
    content_id INTEGER NOT NULL,
    part_id INTEGER NOT NULL,
    PRIMARY KEY (content_id, part_id)
) WITHOUT ROWID;
CREATE INDEX content_part_by_part ON content_part (part_id);
INSERT INTO schema_version (version, applied_at) VALUES (9, 1700000000000000);
INSERT INTO task_trajectory (id, task_id, tenant, conversation_id, provider, model, client, preset, task_description, status, success, quality_score,
    iteration_count, tool_calls_count, failed_tool_results, clicks_total, clicks_hit, user_interventions, input_tokens, output_tokens, cache_read_tokens,
    cache_write_tokens, reasoning_tokens, cost_usd, started_at, last_activity_at, completed_at, outcome_source, is_provisional, has_content, example_ids, tools_used)
VALUES ('run-old', 'task-old', 'default', 'conversation-old', 'anthropic', 'claude-sonnet-4-5', 'claude-code', 'generic', 'Count the words', 'completed', TRUE, 0.9,
    3, 2, 0, 0, 0, 0, 100, 20, 0, 0, 0, 0.25, 1767225600000000, 1767225600000000, 1767225600000000, 'api', FALSE, TRUE, '[]', '["Read","Bash"]');
INSERT INTO few_shot_example (trajectory_row, tenant, pinned, retired, usage_count) SELECT row_id, tenant, TRUE, FALSE, 4 FROM task_trajectory;
INSERT INTO store_setting (name, value) VALUES ('correlation_secret', x'0707070707070707070707070707070707070707070707070707070707070707');
