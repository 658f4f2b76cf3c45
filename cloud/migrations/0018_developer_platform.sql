-- How many calls of the investment platform a person has; raised by administrators.
ALTER TABLE people ADD COLUMN tier TEXT NOT NULL DEFAULT 'basic'
    CHECK (tier IN ('free', 'basic', 'pro', 'enterprise'));

-- Which messages a person wants.
ALTER TABLE profiles ADD COLUMN notify_by_email INTEGER NOT NULL DEFAULT 1 CHECK (notify_by_email IN (0, 1));
ALTER TABLE profiles ADD COLUMN notify_by_sms INTEGER NOT NULL DEFAULT 0 CHECK (notify_by_sms IN (0, 1));

-- Somebody signed in to the pages; the cookie's token is kept hashed.
CREATE TABLE browser_sessions (
    token_hash TEXT PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES people (id),
    created_at_us BIGINT NOT NULL,
    expires_at_us BIGINT NOT NULL
) STRICT;

CREATE INDEX browser_sessions_by_person ON browser_sessions (person_id);

-- OAuth 2.0 clients. Redirect URIs are a JSON array, scopes are separated by spaces.
CREATE TABLE applications (
    client_id TEXT PRIMARY KEY,
    owner_id BIGINT NOT NULL REFERENCES people (id),
    name TEXT NOT NULL,
    is_confidential INTEGER NOT NULL CHECK (is_confidential IN (0, 1)),
    redirect_uris TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    revoked_at_us BIGINT
) STRICT;

CREATE INDEX applications_by_owner ON applications (owner_id);

-- After a rotation the old secret and the new one are both good for a while.
CREATE TABLE application_secrets (
    secret_hash TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES applications (client_id),
    created_at_us BIGINT NOT NULL,
    expires_at_us BIGINT
) STRICT;

CREATE INDEX application_secrets_by_client ON application_secrets (client_id);

-- What a person allowed an application: the family of one code, its access and its refresh tokens.
-- ends_at_us: when the last of them expires. Once it is revoked none of them works.
CREATE TABLE oauth_grants (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES applications (client_id),
    person_id BIGINT NOT NULL REFERENCES people (id),
    scopes TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    ends_at_us BIGINT NOT NULL,
    revoked_at_us BIGINT
) STRICT;

CREATE INDEX oauth_grants_by_person ON oauth_grants (person_id);
CREATE INDEX oauth_grants_by_client ON oauth_grants (client_id);
CREATE INDEX oauth_grants_by_end ON oauth_grants (ends_at_us);

CREATE TABLE authorization_codes (
    code_hash TEXT PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES oauth_grants (id),
    redirect_uri TEXT NOT NULL,
    code_challenge TEXT,
    expires_at_us BIGINT NOT NULL,
    used_at_us BIGINT
) STRICT;

CREATE INDEX authorization_codes_by_grant ON authorization_codes (grant_id);

CREATE TABLE oauth_refresh_tokens (
    token_hash TEXT PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES oauth_grants (id),
    expires_at_us BIGINT NOT NULL,
    used_at_us BIGINT
) STRICT;

CREATE INDEX oauth_refresh_tokens_by_grant ON oauth_refresh_tokens (grant_id);

-- The key itself is shown once; kept are its hash and the beginning by which its owner knows it.
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    key_hash TEXT NOT NULL UNIQUE,
    person_id BIGINT NOT NULL REFERENCES people (id),
    name TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('live', 'test')),
    beginning TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    used_at_us BIGINT,
    expires_at_us BIGINT,
    revoked_at_us BIGINT
) STRICT;

CREATE INDEX api_keys_by_person ON api_keys (person_id);
