-- Unknown tokens are null. Older versions wrote 0 for a response without usage: an answered step without tokens, and a run
-- without tokens and cost, are unknown.
ALTER TABLE task_trajectory ALTER COLUMN input_tokens DROP NOT NULL, ALTER COLUMN output_tokens DROP NOT NULL, ALTER COLUMN cache_read_tokens DROP NOT NULL,
    ALTER COLUMN cache_write_tokens DROP NOT NULL, ALTER COLUMN reasoning_tokens DROP NOT NULL, ADD COLUMN answered_by text NOT NULL DEFAULT '[]';
ALTER TABLE trajectory_step ALTER COLUMN input_tokens DROP NOT NULL, ALTER COLUMN output_tokens DROP NOT NULL, ALTER COLUMN cache_read_tokens DROP NOT NULL,
    ALTER COLUMN cache_write_tokens DROP NOT NULL, ALTER COLUMN reasoning_tokens DROP NOT NULL;
UPDATE task_trajectory SET input_tokens = NULL, output_tokens = NULL, cache_read_tokens = NULL, cache_write_tokens = NULL, reasoning_tokens = NULL
    WHERE input_tokens = 0 AND output_tokens = 0 AND cost_usd IS NULL AND iteration_count > 0;
UPDATE trajectory_step SET input_tokens = NULL, output_tokens = NULL, cache_read_tokens = NULL, cache_write_tokens = NULL, reasoning_tokens = NULL
    WHERE input_tokens = 0 AND output_tokens = 0 AND status = 'ok';
