-- Where devices and people are, for the distance factor of the price; private.
ALTER TABLE devices ADD COLUMN latitude REAL CHECK (latitude BETWEEN -90 AND 90);
ALTER TABLE devices ADD COLUMN longitude REAL CHECK (longitude BETWEEN -180 AND 180);
ALTER TABLE profiles ADD COLUMN latitude REAL CHECK (latitude BETWEEN -90 AND 90);
ALTER TABLE profiles ADD COLUMN longitude REAL CHECK (longitude BETWEEN -180 AND 180);

-- Every price with all that it was made of, so that anyone can make it again. The rows of before lack that
-- and cannot be given it: which settings and zone they were made by is not known.
DELETE FROM prices;
ALTER TABLE prices ADD COLUMN hour BIGINT NOT NULL DEFAULT 0 CHECK (hour BETWEEN 0 AND 23);
ALTER TABLE prices ADD COLUMN alpha REAL NOT NULL DEFAULT 0;
ALTER TABLE prices ADD COLUMN beta REAL NOT NULL DEFAULT 0;
ALTER TABLE prices ADD COLUMN gamma REAL NOT NULL DEFAULT 0;
ALTER TABLE prices ADD COLUMN eta REAL NOT NULL DEFAULT 0;

-- A one-use code an administrator made for a person who forgot their password; hashed, at most one a person.
CREATE TABLE password_resets (
    person_id BIGINT PRIMARY KEY REFERENCES people (id),
    code_hash TEXT NOT NULL UNIQUE,
    expires_at_us BIGINT NOT NULL
) STRICT;

CREATE INDEX stream_refusals_by_time ON stream_refusals (at_us);
