-- A message's long values are content of their own.
CREATE TABLE content_part (
    content_id bigint NOT NULL,
    part_id bigint NOT NULL,
    PRIMARY KEY (content_id, part_id)
);
CREATE INDEX content_part_by_part ON content_part (part_id);
