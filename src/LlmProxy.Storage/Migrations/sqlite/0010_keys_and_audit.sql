ALTER TABLE task_trajectory ADD COLUMN key_names TEXT NOT NULL DEFAULT '[]';
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    counts TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX audit_by_tenant ON audit (tenant, id);
