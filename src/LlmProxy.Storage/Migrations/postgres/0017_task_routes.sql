-- Where the calls of a conversation go after their upstream failed.
CREATE TABLE task_route (
    tenant text NOT NULL,
    conversation_id text NOT NULL,
    route text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant, conversation_id)
);
