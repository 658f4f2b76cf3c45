-- Fiat money that people shall pay. Amounts in minor units of `currency`. due_at_us: when there is something to
-- do with the provider; null where nothing is left.
CREATE TABLE payments (
    id TEXT PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES accounts (account),
    amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    source TEXT,
    provider TEXT NOT NULL,
    state TEXT NOT NULL CHECK (
        state IN ('requires_payment_method', 'requires_action', 'processing', 'succeeded', 'canceled')
    ),
    created_at_us BIGINT NOT NULL,
    sent_at_us BIGINT,
    intent_id TEXT UNIQUE,
    client_secret TEXT,
    redirect_url TEXT,
    decline_code TEXT,
    told_at_us BIGINT NOT NULL,
    is_cancel_wanted INTEGER NOT NULL CHECK (is_cancel_wanted IN (0, 1)),
    due_at_us BIGINT
) STRICT;

CREATE INDEX payments_due ON payments (due_at_us) WHERE due_at_us IS NOT NULL;

-- Money on its way back to who paid it, once for each payment.
CREATE TABLE refunds (
    id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL UNIQUE REFERENCES payments (id),
    intent_id TEXT NOT NULL,
    amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    provider TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'pending', 'succeeded', 'failed', 'canceled')),
    created_at_us BIGINT NOT NULL,
    sent_at_us BIGINT,
    provider_id TEXT UNIQUE,
    failure TEXT,
    due_at_us BIGINT
) STRICT;

CREATE INDEX refunds_due ON refunds (due_at_us) WHERE due_at_us IS NOT NULL;

-- Money on its way to a person's bank, once for each reference.
CREATE TABLE payouts (
    id TEXT PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES accounts (account),
    amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    provider TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'pending', 'in_transit', 'paid', 'failed', 'canceled')),
    created_at_us BIGINT NOT NULL,
    sent_at_us BIGINT,
    provider_id TEXT UNIQUE,
    failure TEXT,
    due_at_us BIGINT
) STRICT;

CREATE INDEX payouts_due ON payouts (due_at_us) WHERE due_at_us IS NOT NULL;

-- Under which id the provider knows somebody who is paid.
CREATE TABLE payees (
    account TEXT NOT NULL REFERENCES accounts (account),
    provider TEXT NOT NULL,
    destination TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    PRIMARY KEY (account, provider)
) STRICT;

-- Every event that a provider of payments or of KYC sent, written in the commit of what it changed.
CREATE TABLE provider_notices (
    provider TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    PRIMARY KEY (provider, id)
) STRICT;

CREATE INDEX provider_notices_by_age ON provider_notices (at_us);

-- The books of the provider that has no real money. since_us: since when it is in this state.
CREATE TABLE sandbox_intents (
    id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL UNIQUE,
    amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    client_secret TEXT NOT NULL,
    state TEXT NOT NULL,
    since_us BIGINT NOT NULL,
    decline_code TEXT
) STRICT;

CREATE TABLE sandbox_transfers (
    id TEXT PRIMARY KEY,
    our_id TEXT NOT NULL UNIQUE,
    amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    at_us BIGINT NOT NULL
) STRICT;

-- What the person in `people` is: the time of the verification belongs to the status there.
ALTER TABLE people ADD COLUMN kyc_verified_at_us BIGINT;
UPDATE people SET kyc_status = 'not_started' WHERE kyc_status = 'pending';

CREATE INDEX people_by_verification ON people (kyc_verified_at_us) WHERE kyc_status = 'verified';

-- Attempts to be verified. due_at_us: when to ask the provider next; null where it is over.
CREATE TABLE kyc_checks (
    id TEXT PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES people (id),
    provider TEXT NOT NULL,
    return_url TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'verified', 'rejected', 'abandoned')),
    created_at_us BIGINT NOT NULL,
    expires_at_us BIGINT NOT NULL,
    applicant_id TEXT,
    run_id TEXT UNIQUE,
    verification_url TEXT,
    due_at_us BIGINT
) STRICT;

CREATE INDEX kyc_checks_by_person ON kyc_checks (person_id, created_at_us);
CREATE INDEX kyc_checks_due ON kyc_checks (due_at_us) WHERE due_at_us IS NOT NULL;

-- What was clicked on the pages of the provider that checks nobody.
CREATE TABLE sandbox_runs (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    at_us BIGINT NOT NULL
) STRICT;
