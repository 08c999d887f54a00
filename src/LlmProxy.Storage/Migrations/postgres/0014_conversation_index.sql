-- The next turn of a conversation is found by it; without the start, SQLite walks all later trajectories of the tenant.
DROP INDEX task_trajectory_conversation;
CREATE INDEX task_trajectory_conversation ON task_trajectory (tenant, conversation_id, started_at);
