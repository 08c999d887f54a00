ALTER TABLE task_trajectory ADD COLUMN claimed_at timestamptz;
