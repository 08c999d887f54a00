ALTER TABLE few_shot_example ADD COLUMN stated_successes bigint NOT NULL DEFAULT 0;
ALTER TABLE few_shot_example ADD COLUMN stated_failures bigint NOT NULL DEFAULT 0;
CREATE INDEX task_trajectory_by_arm ON task_trajectory (tenant, started_at) WHERE arm IS NOT NULL OR example_ids <> '[]';
