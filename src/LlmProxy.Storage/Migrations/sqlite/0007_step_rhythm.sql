ALTER TABLE trajectory_step ADD COLUMN rhythm TEXT;
