-- An email and its password: at most one a person; an email may belong to one person of each type.
CREATE TABLE email_logins (
    person_id BIGINT PRIMARY KEY REFERENCES people (id),
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    user_type TEXT NOT NULL CHECK (user_type IN ('consumer', 'business')),
    password_hash TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    UNIQUE (email_key, user_type)
) STRICT;

-- What a person told about themselves; no row until they told something.
CREATE TABLE profiles (
    person_id BIGINT PRIMARY KEY REFERENCES people (id),
    name TEXT NOT NULL,
    phone TEXT,
    timezone TEXT NOT NULL,
    locale TEXT NOT NULL,
    currency TEXT NOT NULL,
    budget_preferences TEXT NOT NULL,
    personal_category_set TEXT,
    business_name TEXT,
    contact_person TEXT,
    gstin TEXT
) STRICT;

ALTER TABLE sign_ins ADD COLUMN refreshed_at_us BIGINT;
