-- Where the calls of a conversation go after their upstream failed.
CREATE TABLE task_route (
    tenant TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    route TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (tenant, conversation_id)
);
