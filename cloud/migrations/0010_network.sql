-- Who takes part as a network node operator, and where: one row a person, the newest place.
CREATE TABLE network_nodes (
    id TEXT PRIMARY KEY,
    person_id BIGINT NOT NULL UNIQUE REFERENCES people (id),
    location TEXT NOT NULL,
    created_at_us BIGINT NOT NULL
) STRICT;
