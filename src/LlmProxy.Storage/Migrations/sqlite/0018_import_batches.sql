-- The import that added a run, so that it can be undone.
ALTER TABLE task_trajectory ADD COLUMN import_batch TEXT;
CREATE INDEX task_trajectory_import_batch ON task_trajectory (tenant, import_batch) WHERE import_batch IS NOT NULL;
