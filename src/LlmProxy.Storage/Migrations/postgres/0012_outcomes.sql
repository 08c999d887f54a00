ALTER TABLE task_trajectory ADD COLUMN stated_by text;
ALTER TABLE task_trajectory ADD COLUMN success_probability double precision;
ALTER TABLE task_trajectory ADD COLUMN evidence text NOT NULL DEFAULT '[]';
ALTER TABLE task_trajectory ADD COLUMN outcome_due_at timestamptz;
CREATE INDEX task_trajectory_outcome_due ON task_trajectory (outcome_due_at) WHERE outcome_due_at IS NOT NULL;
CREATE INDEX task_trajectory_conversation ON task_trajectory (tenant, conversation_id);
CREATE TABLE trajectory_outline (
    trajectory_row bigint PRIMARY KEY,
    outline text NOT NULL
);
CREATE TABLE outcome_basis (
    trajectory_row bigint NOT NULL,
    near_row bigint NOT NULL,
    PRIMARY KEY (trajectory_row, near_row)
);
CREATE INDEX outcome_basis_by_near ON outcome_basis (near_row);
CREATE TABLE outcome_model (
    tenant text PRIMARY KEY,
    model text NOT NULL
);
-- An ended turn was counted as a success. It is inferred now: its success is unknown, with a probability.
UPDATE task_trajectory SET outcome_source = 'agent' WHERE outcome_source = 'tool';
UPDATE task_trajectory SET outcome_source = 'inferred', success = NULL, outcome_due_at = '2000-01-01',
    success_probability = CASE WHEN success THEN 0.65 ELSE NULL END
    WHERE outcome_source = 'idle';
