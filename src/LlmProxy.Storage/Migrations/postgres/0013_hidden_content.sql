-- Content that is not kept is hidden (why_no_content) until it is erased.
ALTER TABLE task_trajectory ADD COLUMN why_no_content text;
ALTER TABLE task_trajectory ADD COLUMN erase_at timestamptz;
ALTER TABLE task_trajectory ADD COLUMN project text;
CREATE INDEX task_trajectory_erase_at ON task_trajectory (erase_at) WHERE erase_at IS NOT NULL;
CREATE INDEX task_trajectory_project ON task_trajectory (tenant, project, started_at) WHERE project IS NOT NULL;
UPDATE task_trajectory SET why_no_content = CASE
    WHEN status = 'cancelled' THEN 'cancelled' WHEN status = 'failed' OR success = FALSE THEN 'failed' ELSE 'content-not-kept' END
    WHERE has_content = FALSE AND completed_at IS NOT NULL;
