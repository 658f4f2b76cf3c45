-- Days on which purchases wait for the isolation forest; the mark rises with each reason to ask again.
CREATE TABLE forest_days (
    person_id BIGINT NOT NULL REFERENCES people (id),
    day BIGINT NOT NULL,
    mark BIGINT NOT NULL,
    PRIMARY KEY (person_id, day)
) STRICT;

CREATE INDEX forest_days_by_day ON forest_days (day, person_id);

-- Rows that a person took apart are never merged with each other again.
CREATE TABLE transactions_apart (
    low_id BIGINT NOT NULL REFERENCES transactions (id),
    high_id BIGINT NOT NULL REFERENCES transactions (id),
    person_id BIGINT NOT NULL REFERENCES people (id),
    PRIMARY KEY (low_id, high_id)
) STRICT;

CREATE INDEX transactions_apart_by_person ON transactions_apart (person_id);

-- What a person said a seller is for; the newest word on each.
CREATE TABLE category_corrections (
    person_id BIGINT NOT NULL REFERENCES people (id),
    name_key TEXT NOT NULL,
    merchant TEXT NOT NULL,
    category TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    PRIMARY KEY (person_id, name_key)
) STRICT;
