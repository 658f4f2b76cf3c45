-- A phone whose messages are its person's, and the transaction it was last asked about.
CREATE TABLE whatsapp_phones (
    phone TEXT PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES people (id),
    linked_at_us BIGINT NOT NULL,
    asked_about BIGINT REFERENCES transactions (id)
) STRICT;

CREATE INDEX whatsapp_phones_by_person ON whatsapp_phones (person_id);

-- Shown in the account, sent from the phone: one at a time for each person, kept hashed.
CREATE TABLE whatsapp_codes (
    person_id BIGINT PRIMARY KEY REFERENCES people (id),
    code_hash TEXT NOT NULL UNIQUE,
    expires_at_us BIGINT NOT NULL
) STRICT;

-- A visit to Google under way. The browser's secret ties it to the browser that began it.
CREATE TABLE gmail_visits (
    state_hash TEXT PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES people (id),
    browser_hash TEXT NOT NULL,
    verifier TEXT NOT NULL,
    expires_at_us BIGINT NOT NULL
) STRICT;

-- A mailbox that is read. The refresh token is sealed under a key of the data folder; history_id is where
-- reading stands, null before the first mails were looked through. due_at_us null: let in no longer.
CREATE TABLE gmail_accounts (
    person_id BIGINT PRIMARY KEY REFERENCES people (id),
    refresh_token TEXT NOT NULL,
    history_id TEXT,
    connected_at_us BIGINT NOT NULL,
    last_sync_us BIGINT,
    emails_processed BIGINT NOT NULL,
    transactions_extracted BIGINT NOT NULL,
    failures INTEGER NOT NULL,
    due_at_us BIGINT
) STRICT;

CREATE INDEX gmail_accounts_due ON gmail_accounts (due_at_us);
CREATE INDEX finance_sources_by_reference ON finance_sources (person_id, source_type, reference);
