-- Unknown tokens are null. NOT NULL is removed in the schema's text, as https://sqlite.org/lang_altertable.html (section 7)
-- describes: it changes no row, while a new table would copy all of them. The new column makes all connections read the schema again.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(replace(replace(replace(replace(sql,
        'input_tokens INTEGER NOT NULL', 'input_tokens INTEGER'), 'output_tokens INTEGER NOT NULL', 'output_tokens INTEGER'),
        'cache_read_tokens INTEGER NOT NULL', 'cache_read_tokens INTEGER'), 'cache_write_tokens INTEGER NOT NULL', 'cache_write_tokens INTEGER'),
        'reasoning_tokens INTEGER NOT NULL', 'reasoning_tokens INTEGER')
    WHERE type = 'table' AND name IN ('task_trajectory', 'trajectory_step');
PRAGMA writable_schema = RESET;
ALTER TABLE task_trajectory ADD COLUMN answered_by TEXT NOT NULL DEFAULT '[]';
-- Older versions wrote 0 for a response without usage: an answered step without tokens, and a run without tokens and cost, are unknown.
UPDATE task_trajectory SET input_tokens = NULL, output_tokens = NULL, cache_read_tokens = NULL, cache_write_tokens = NULL, reasoning_tokens = NULL
    WHERE input_tokens = 0 AND output_tokens = 0 AND cost_usd IS NULL AND iteration_count > 0;
UPDATE trajectory_step SET input_tokens = NULL, output_tokens = NULL, cache_read_tokens = NULL, cache_write_tokens = NULL, reasoning_tokens = NULL
    WHERE input_tokens = 0 AND output_tokens = 0 AND status = 'ok';
