-- Curation gives tasks a type; a stated one is a person's and stays.
ALTER TABLE task_trajectory ADD COLUMN task_type TEXT;
ALTER TABLE task_trajectory ADD COLUMN task_type_stated INTEGER NOT NULL DEFAULT 0;
-- When each tenant was curated last on schedule, and who is at it.
CREATE TABLE curation (
    tenant TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    claimed_until INTEGER NOT NULL,
    done_at INTEGER
);
