-- Everything that must happen after a commit is a row here, written in that commit.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at_us BIGINT NOT NULL,
    type TEXT NOT NULL,
    payload TEXT NOT NULL
) STRICT;

CREATE INDEX events_by_type ON events (type, id);

-- How far each reader of the log has come.
CREATE TABLE event_cursors (
    reader TEXT PRIMARY KEY,
    event_id BIGINT NOT NULL
) STRICT;
