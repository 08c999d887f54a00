ALTER TABLE task_trajectory ADD COLUMN key_names text NOT NULL DEFAULT '[]';
CREATE TABLE audit (
    id text PRIMARY KEY,
    at timestamptz NOT NULL,
    tenant text NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    counts text NOT NULL
);
CREATE INDEX audit_by_tenant ON audit (tenant, id);
