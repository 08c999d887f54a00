-- Curation gives tasks a type; a stated one is a person's and stays.
ALTER TABLE task_trajectory ADD COLUMN task_type text;
ALTER TABLE task_trajectory ADD COLUMN task_type_stated boolean NOT NULL DEFAULT FALSE;
-- When each tenant was curated last on schedule, and who is at it.
CREATE TABLE curation (
    tenant text PRIMARY KEY,
    owner text NOT NULL,
    claimed_until timestamptz NOT NULL,
    done_at timestamptz
);
