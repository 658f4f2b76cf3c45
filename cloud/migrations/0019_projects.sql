-- Projects that people invest in. Amounts in minor units of `currency`; description is the operator's JSON text,
-- the columns before it are what lists filter and sort by.
CREATE TABLE projects (
    id TEXT PRIMARY KEY,
    technology TEXT NOT NULL,
    country TEXT NOT NULL,
    stage TEXT NOT NULL,
    risk_rank BIGINT NOT NULL CHECK (risk_rank BETWEEN 0 AND 2),
    return_bp BIGINT NOT NULL CHECK (return_bp > 0),
    rating_sum BIGINT NOT NULL CHECK (rating_sum >= 0),
    funded_ppm BIGINT NOT NULL CHECK (funded_ppm BETWEEN 0 AND 1000000),
    currency TEXT NOT NULL,
    target_minor BIGINT NOT NULL CHECK (target_minor > 0),
    raised_minor BIGINT NOT NULL CHECK (raised_minor >= 0),
    reserved_minor BIGINT NOT NULL CHECK (reserved_minor >= 0),
    investor_count BIGINT NOT NULL CHECK (investor_count >= 0),
    update_count BIGINT NOT NULL CHECK (update_count >= 0),
    description TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    funded_at_us BIGINT,
    CHECK (raised_minor + reserved_minor <= target_minor)
) STRICT;

CREATE INDEX projects_by_newest ON projects (created_at_us, id);
CREATE INDEX projects_by_funded ON projects (funded_ppm, id);
CREATE INDEX projects_by_rating ON projects (rating_sum, id);
CREATE INDEX projects_by_return ON projects (return_bp, id);

-- Counts the changes of what filters look at, so that a total that was counted is known to be still true.
CREATE TABLE project_changes (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    changes BIGINT NOT NULL
) STRICT;

INSERT INTO project_changes (id, changes) VALUES (1, 0);

-- The inverted index of the full-text search: folded words, with how much a hit says. in_text: whether the word
-- stands in name or description, not in technology or place alone.
CREATE TABLE project_words (
    word TEXT NOT NULL,
    project_id TEXT NOT NULL REFERENCES projects (id),
    weight BIGINT NOT NULL CHECK (weight > 0),
    in_text INTEGER NOT NULL CHECK (in_text IN (0, 1)),
    PRIMARY KEY (word, project_id)
) STRICT;

CREATE INDEX project_words_by_project ON project_words (project_id);

-- Whose money is in a project, each once.
CREATE TABLE project_investors (
    project_id TEXT NOT NULL REFERENCES projects (id),
    account TEXT NOT NULL,
    PRIMARY KEY (project_id, account)
) STRICT;

-- attachments: a JSON array.
CREATE TABLE project_updates (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    title TEXT NOT NULL,
    content TEXT NOT NULL,
    type TEXT NOT NULL,
    attachments TEXT NOT NULL,
    published_at_us BIGINT NOT NULL
) STRICT;

CREATE INDEX project_updates_by_project ON project_updates (project_id, published_at_us, id);

-- The bytes lie in the data folder under their hash.
CREATE TABLE project_documents (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes BIGINT NOT NULL CHECK (size_bytes > 0),
    sha256 TEXT NOT NULL,
    uploaded_at_us BIGINT NOT NULL,
    UNIQUE (project_id, sha256)
) STRICT;
