ALTER TABLE task_trajectory ADD COLUMN stated_by TEXT;
ALTER TABLE task_trajectory ADD COLUMN success_probability REAL;
ALTER TABLE task_trajectory ADD COLUMN evidence TEXT NOT NULL DEFAULT '[]';
ALTER TABLE task_trajectory ADD COLUMN outcome_due_at INTEGER;
CREATE INDEX task_trajectory_outcome_due ON task_trajectory (outcome_due_at) WHERE outcome_due_at IS NOT NULL;
CREATE INDEX task_trajectory_conversation ON task_trajectory (tenant, conversation_id);
CREATE TABLE trajectory_outline (
    trajectory_row INTEGER PRIMARY KEY,
    outline TEXT NOT NULL
);
CREATE TABLE outcome_basis (
    trajectory_row INTEGER NOT NULL,
    near_row INTEGER NOT NULL,
    PRIMARY KEY (trajectory_row, near_row)
);
CREATE INDEX outcome_basis_by_near ON outcome_basis (near_row);
CREATE TABLE outcome_model (
    tenant TEXT PRIMARY KEY,
    model TEXT NOT NULL
);
-- An ended turn was counted as a success. It is inferred now: its success is unknown, with a probability.
UPDATE task_trajectory SET outcome_source = 'agent' WHERE outcome_source = 'tool';
UPDATE task_trajectory SET outcome_source = 'inferred', success = NULL, outcome_due_at = 0,
    success_probability = CASE WHEN success THEN 0.65 ELSE NULL END
    WHERE outcome_source = 'idle';
-- Statistics read nothing but this: in the order of their groups, with all that they sum up.
DROP INDEX task_trajectory_by_model;
CREATE INDEX task_trajectory_by_model ON task_trajectory (tenant, provider, model, started_at / 86400000000, started_at, status, success,
    quality_score, has_content, iteration_count, tool_calls_count, failed_tool_results, user_interventions, input_tokens, output_tokens, cost_usd,
    stated_click_accuracy, clicks_hit, clicks_total, success_probability);
