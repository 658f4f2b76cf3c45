-- Whom a person paid or was paid by. Everyone has merchants of their own: no number tells whom others pay.
CREATE TABLE merchants (
    id INTEGER PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES people (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    UNIQUE (person_id, name_key)
) STRICT;

-- What came in and was read; what was refused leaves no row. A text stands here, a file in the data folder
-- under its hash; neither is kept where kept is 0. The reference is the sender's own: the id of a mail, a message, a payment.
CREATE TABLE finance_sources (
    id INTEGER PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES people (id),
    source_type TEXT NOT NULL
        CHECK (source_type IN ('Upload', 'Gmail', 'WhatsApp', 'UPIFeed', 'SMS', 'Statement', 'Manual')),
    sha256 TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    name TEXT,
    reference TEXT,
    text TEXT,
    kept INTEGER NOT NULL CHECK (kept IN (0, 1)),
    metadata TEXT,
    received_at_us BIGINT NOT NULL,
    UNIQUE (person_id, source_type, sha256)
) STRICT;

-- One purchase or income. merged_into names the row that tells the same purchase and stands for both.
-- encrypted_data and wrapped_deks are JSON of what only the person's devices can read.
CREATE TABLE transactions (
    id INTEGER PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES people (id),
    amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('debit', 'credit')),
    at_us BIGINT NOT NULL,
    time_known INTEGER NOT NULL CHECK (time_known IN (0, 1)),
    merchant_id BIGINT REFERENCES merchants (id),
    merchant_name_raw TEXT,
    invoice_no TEXT,
    account_digits TEXT,
    payment_channel TEXT CHECK (payment_channel IN ('UPI', 'Card', 'Cash', 'Wallet', 'BankTransfer')),
    source_type TEXT NOT NULL
        CHECK (source_type IN ('Upload', 'Gmail', 'WhatsApp', 'UPIFeed', 'SMS', 'Statement', 'Manual')),
    source_id BIGINT REFERENCES finance_sources (id),
    category TEXT NOT NULL,
    ocr_confidence REAL,
    classification_confidence REAL,
    flagged INTEGER NOT NULL CHECK (flagged IN (0, 1)),
    anomaly_score REAL,
    anomaly_reason TEXT,
    anomaly_evidence TEXT,
    confirmed INTEGER CHECK (confirmed IN (0, 1)),
    notes TEXT,
    merged_into BIGINT REFERENCES transactions (id),
    encrypted_data TEXT,
    wrapped_deks TEXT,
    created_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL
) STRICT;

CREATE INDEX transactions_by_time ON transactions (person_id, at_us, id);
CREATE INDEX transactions_by_category ON transactions (person_id, category, at_us);
CREATE INDEX transactions_by_amount ON transactions (person_id, amount_minor, at_us);
CREATE INDEX transactions_by_invoice ON transactions (person_id, invoice_no);
CREATE INDEX transactions_by_merchant ON transactions (person_id, merchant_id);
CREATE INDEX transactions_by_source ON transactions (source_id);
CREATE INDEX transactions_by_survivor ON transactions (merged_into);

-- Which sources a person lets us read.
ALTER TABLE profiles ADD COLUMN consent_gmail_ingest INTEGER NOT NULL DEFAULT 0;
ALTER TABLE profiles ADD COLUMN consent_whatsapp_ingest INTEGER NOT NULL DEFAULT 0;
ALTER TABLE profiles ADD COLUMN consent_upi_ingest INTEGER NOT NULL DEFAULT 0;
ALTER TABLE profiles ADD COLUMN consent_sms_ingest INTEGER NOT NULL DEFAULT 0;
