ALTER TABLE task_trajectory ADD COLUMN version bigint NOT NULL DEFAULT 1;
