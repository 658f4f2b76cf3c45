-- A person is one account with an integer id, however many ways in.
CREATE TABLE people (
    id INTEGER PRIMARY KEY,
    wallet_address TEXT UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('Recipient', 'Donor', 'NetworkNodeOperator')),
    is_admin INTEGER NOT NULL CHECK (is_admin IN (0, 1)),
    kyc_status TEXT NOT NULL,
    location TEXT NOT NULL,
    account TEXT NOT NULL UNIQUE,
    created_at_us BIGINT NOT NULL
) STRICT;

-- One sign-in: the family of its refresh tokens, and what its access tokens name. Once it is revoked
-- neither works; once it is replaced by a newer one, only its access tokens do, until they expire.
CREATE TABLE sign_ins (
    id TEXT PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES people (id),
    created_at_us BIGINT NOT NULL,
    replaced_at_us BIGINT,
    revoked_at_us BIGINT
) STRICT;

CREATE INDEX sign_ins_by_person ON sign_ins (person_id);

CREATE TABLE refresh_tokens (
    token_hash TEXT PRIMARY KEY,
    sign_in_id TEXT NOT NULL REFERENCES sign_ins (id),
    expires_at_us BIGINT NOT NULL,
    rotated_at_us BIGINT
) STRICT;

CREATE INDEX refresh_tokens_by_sign_in ON refresh_tokens (sign_in_id);

-- Challenges are made without a row; only the used ones are remembered, until they have expired.
CREATE TABLE used_challenges (
    nonce TEXT PRIMARY KEY,
    expires_at_us BIGINT NOT NULL
) STRICT;

CREATE INDEX used_challenges_by_expiry ON used_challenges (expires_at_us);
