ALTER TABLE task_trajectory ADD COLUMN template_set text;
