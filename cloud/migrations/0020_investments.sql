-- A project's ownership tokens, 10^-7 each, come into being whole when the first money is in, on an account of the
-- project's own. What is sold leaves it, so its floor is the last line against selling more than there is.
CREATE TABLE token_issues (
    project_id TEXT PRIMARY KEY REFERENCES projects (id),
    account TEXT NOT NULL UNIQUE REFERENCES accounts (account),
    tokens BIGINT NOT NULL CHECK (tokens > 0)
) STRICT;

-- A pending investment has room reserved at its project until room_until_us; a failed one has none.
CREATE TABLE investments (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (account),
    person_id BIGINT NOT NULL,
    project_id TEXT NOT NULL REFERENCES projects (id),
    amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
    fee_minor BIGINT NOT NULL CHECK (fee_minor >= 0),
    currency TEXT NOT NULL,
    tokens BIGINT NOT NULL CHECK (tokens > 0),
    payment_method TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'completed', 'failed')),
    created_at_us BIGINT NOT NULL,
    room_until_us BIGINT NOT NULL,
    completed_at_us BIGINT,
    failure TEXT CHECK (failure IN ('canceled', 'expired')),
    refund TEXT CHECK (refund IN ('owed', 'paid')),
    CHECK ((status = 'completed') = (completed_at_us IS NOT NULL)),
    CHECK ((status = 'failed') = (failure IS NOT NULL)),
    CHECK (refund IS NULL OR status = 'failed')
) STRICT;

CREATE INDEX investments_by_account ON investments (account, created_at_us, id);
CREATE INDEX investments_by_holder ON investments (project_id, completed_at_us) WHERE status = 'completed';
CREATE INDEX investments_due ON investments (room_until_us, id) WHERE status = 'pending';

-- How many there are, so that no page counts.
CREATE TABLE investment_totals (
    account TEXT NOT NULL,
    project_id TEXT NOT NULL,
    status TEXT NOT NULL,
    total BIGINT NOT NULL CHECK (total >= 0),
    PRIMARY KEY (account, project_id, status)
) STRICT;

-- What somebody has in a project: sums of completed investments, and of claimed distributions.
CREATE TABLE positions (
    account TEXT NOT NULL REFERENCES accounts (account),
    project_id TEXT NOT NULL REFERENCES projects (id),
    currency TEXT NOT NULL,
    invested_minor BIGINT NOT NULL CHECK (invested_minor > 0),
    tokens BIGINT NOT NULL CHECK (tokens > 0),
    investment_count BIGINT NOT NULL CHECK (investment_count > 0),
    returned_minor BIGINT NOT NULL CHECK (returned_minor >= 0),
    PRIMARY KEY (account, project_id)
) STRICT;

-- The sums of an account in a currency after each change, numbered from 1 without a gap: how it stood at any
-- moment is one row.
CREATE TABLE portfolio_steps (
    account TEXT NOT NULL REFERENCES accounts (account),
    currency TEXT NOT NULL,
    number BIGINT NOT NULL CHECK (number > 0),
    at_us BIGINT NOT NULL,
    invested_minor BIGINT NOT NULL CHECK (invested_minor >= 0),
    returned_minor BIGINT NOT NULL CHECK (returned_minor >= 0),
    PRIMARY KEY (account, currency, number)
) STRICT;

CREATE TABLE distributions (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    year BIGINT NOT NULL,
    quarter BIGINT NOT NULL CHECK (quarter BETWEEN 1 AND 4),
    record_date TEXT NOT NULL,
    distribution_date TEXT NOT NULL,
    currency TEXT NOT NULL,
    total_minor BIGINT NOT NULL CHECK (total_minor > 0),
    holder_count BIGINT NOT NULL CHECK (holder_count > 0),
    declared_at_us BIGINT NOT NULL,
    UNIQUE (project_id, year, quarter)
) STRICT;

-- A holder's part. claim_number makes the payment reference; number counts an account's shares from 1.
CREATE TABLE distribution_shares (
    distribution_id TEXT NOT NULL REFERENCES distributions (id),
    account TEXT NOT NULL REFERENCES accounts (account),
    person_id BIGINT NOT NULL,
    project_id TEXT NOT NULL REFERENCES projects (id),
    declared_at_us BIGINT NOT NULL,
    tokens BIGINT NOT NULL CHECK (tokens > 0),
    amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
    is_claimed INTEGER NOT NULL CHECK (is_claimed IN (0, 1)),
    claimed_at_us BIGINT,
    claim_number BIGINT UNIQUE,
    payment_method TEXT,
    payout_id TEXT UNIQUE,
    is_paid INTEGER NOT NULL CHECK (is_paid IN (0, 1)),
    PRIMARY KEY (distribution_id, account),
    CHECK ((is_claimed = 1) = (claimed_at_us IS NOT NULL)),
    CHECK ((is_claimed = 1) = (claim_number IS NOT NULL)),
    CHECK ((is_claimed = 1) = (payment_method IS NOT NULL)),
    CHECK ((is_claimed = 1) = (payout_id IS NOT NULL)),
    CHECK (is_paid <= is_claimed)
) STRICT;

CREATE INDEX distribution_shares_by_account ON distribution_shares (account, declared_at_us, distribution_id);

CREATE TABLE distribution_totals (
    account TEXT NOT NULL,
    project_id TEXT NOT NULL,
    is_claimed INTEGER NOT NULL CHECK (is_claimed IN (0, 1)),
    total BIGINT NOT NULL CHECK (total >= 0),
    PRIMARY KEY (account, project_id, is_claimed)
) STRICT;

-- What of a share each investment brought.
CREATE TABLE distribution_parts (
    investment_id TEXT NOT NULL REFERENCES investments (id),
    distribution_id TEXT NOT NULL REFERENCES distributions (id),
    amount_minor BIGINT NOT NULL CHECK (amount_minor >= 0),
    PRIMARY KEY (investment_id, distribution_id)
) STRICT;
