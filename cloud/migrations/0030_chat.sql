-- Conversations. last_query is JSON of the question answered last, which follow-up questions change; last_ids
-- of the transactions shown last.
CREATE TABLE chat_sessions (
    id INTEGER PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES people (id),
    started_at_us BIGINT NOT NULL,
    last_at_us BIGINT NOT NULL,
    metadata TEXT NOT NULL,
    last_query TEXT,
    last_ids TEXT NOT NULL
) STRICT;

CREATE INDEX chat_sessions_by_person ON chat_sessions (person_id, last_at_us);

-- What was said, as it was said.
CREATE TABLE chat_messages (
    id INTEGER PRIMARY KEY,
    session_id BIGINT NOT NULL REFERENCES chat_sessions (id),
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    content TEXT NOT NULL,
    created_at_us BIGINT NOT NULL
) STRICT;

CREATE INDEX chat_messages_by_session ON chat_messages (session_id, id);

-- What a person asked to be remembered; the newest word on each key.
CREATE TABLE chat_memories (
    id INTEGER PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES people (id),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    source TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    UNIQUE (person_id, key)
) STRICT;
