-- Whose sandbox is whose. What happens in one is in a database of its own, a file under data_dir/sandboxes.
CREATE TABLE sandboxes (
    name TEXT PRIMARY KEY,
    person_id BIGINT NOT NULL UNIQUE REFERENCES people (id),
    generation BIGINT NOT NULL CHECK (generation > 0),
    created_at_us BIGINT NOT NULL,
    begun_at_us BIGINT NOT NULL
) STRICT;

-- How far a sandbox's time is ahead, and until when its projects paid out by themselves: one row, and only in the
-- database of a sandbox, written when all else that it begins with is there.
CREATE TABLE sandbox_clock (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    ahead_us BIGINT NOT NULL,
    distributed_until_us BIGINT NOT NULL
) STRICT;
