-- The account that every transaction is sent from, the sequence number given last, and the last id of an
-- envelope or an operation: many are written with one statement.
CREATE TABLE stellar_source (
    custody TEXT PRIMARY KEY,
    issuer TEXT NOT NULL,
    network TEXT NOT NULL CHECK (network IN ('offline', 'testnet', 'public')),
    sequence BIGINT NOT NULL CHECK (sequence >= 0),
    last_id BIGINT NOT NULL CHECK (last_id >= 0)
) STRICT;

-- Signed transactions, written in the commit of what they are about, before anything is sent.
CREATE TABLE stellar_envelopes (
    id BIGINT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    sequence BIGINT NOT NULL,
    fee_stroops BIGINT NOT NULL,
    expires_at_us BIGINT NOT NULL,
    xdr TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('built', 'sent', 'confirmed', 'failed', 'replaced')),
    built_at_us BIGINT NOT NULL,
    sent_at_us BIGINT,
    ledger BIGINT,
    bump_hash TEXT,
    bump_xdr TEXT,
    bump_fee_stroops BIGINT,
    reason TEXT
) STRICT;

CREATE INDEX stellar_envelopes_sent ON stellar_envelopes (id) WHERE state = 'sent';

-- What shall happen on the chain, each once; `envelope_id` is the transaction in force for it.
CREATE TABLE stellar_operations (
    id BIGINT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('trustline', 'mint', 'burn', 'withdrawal', 'anchor')),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'confirmed', 'failed')),
    envelope_id BIGINT NOT NULL REFERENCES stellar_envelopes (id),
    entry_id BIGINT REFERENCES entries (id),
    asset TEXT,
    amount BIGINT CHECK (amount > 0),
    destination TEXT,
    form TEXT CHECK (form IN ('payment', 'create_account', 'claimable_balance')),
    root_hash TEXT,
    tree_size BIGINT,
    attempts BIGINT NOT NULL DEFAULT 0,
    at_us BIGINT NOT NULL
) STRICT;

CREATE INDEX stellar_operations_by_envelope ON stellar_operations (envelope_id);
CREATE INDEX stellar_operations_by_entry ON stellar_operations (entry_id) WHERE entry_id IS NOT NULL;
CREATE INDEX stellar_operations_waiting ON stellar_operations (id) WHERE state = 'waiting';
CREATE INDEX stellar_operations_anchors ON stellar_operations (id) WHERE kind = 'anchor';

-- The transactions that an operation was in before.
CREATE TABLE stellar_replaced (
    operation_id BIGINT NOT NULL REFERENCES stellar_operations (id),
    envelope_id BIGINT NOT NULL REFERENCES stellar_envelopes (id),
    PRIMARY KEY (operation_id, envelope_id)
) STRICT;

CREATE INDEX stellar_replaced_by_envelope ON stellar_replaced (envelope_id);

-- What people took out, numbered from 1 without a gap within an account.
CREATE TABLE withdrawals (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (account),
    number BIGINT NOT NULL CHECK (number > 0),
    entry_id BIGINT NOT NULL UNIQUE REFERENCES entries (id),
    operation_id BIGINT NOT NULL UNIQUE REFERENCES stellar_operations (id),
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    destination TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    UNIQUE (account, number)
) STRICT;

-- By which memo a payment to custody finds its account.
CREATE TABLE deposit_memos (
    memo BIGINT PRIMARY KEY CHECK (memo > 0),
    account TEXT NOT NULL UNIQUE REFERENCES accounts (account)
) STRICT;

-- Every payment that custody received, once; `account` is null until somebody is found to credit.
CREATE TABLE deposits (
    operation_id BIGINT PRIMARY KEY,
    tx_hash TEXT NOT NULL,
    sender TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    memo TEXT,
    account TEXT REFERENCES accounts (account),
    entry_id BIGINT UNIQUE REFERENCES entries (id),
    at_us BIGINT NOT NULL,
    CHECK ((account IS NULL) = (entry_id IS NULL))
) STRICT;

CREATE INDEX deposits_unmatched ON deposits (operation_id) WHERE account IS NULL;

-- How far the watcher has read custody's payments.
CREATE TABLE deposit_cursors (
    custody TEXT PRIMARY KEY,
    cursor TEXT NOT NULL
) STRICT;

-- A mint keeps what it was first answered; the held part refers to its leaf.
ALTER TABLE mints ADD COLUMN leaf_hash TEXT NOT NULL DEFAULT '';
UPDATE mints SET leaf_hash = tx_hash;
