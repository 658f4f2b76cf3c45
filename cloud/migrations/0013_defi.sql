-- The pool's totals, in one row: LT and XLM in 10^-7 units; the indices are decimal digits, 10^-36 of a unit.
CREATE TABLE pool (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    staked BIGINT NOT NULL CHECK (staked >= 0),
    lent BIGINT NOT NULL CHECK (lent BETWEEN 0 AND staked),
    yield_index TEXT NOT NULL,
    xlm_index TEXT NOT NULL,
    xlm_shared BIGINT NOT NULL CHECK (xlm_shared >= 0),
    at_s BIGINT NOT NULL,
    stakers BIGINT NOT NULL CHECK (stakers >= 0)
) STRICT;

INSERT INTO pool (id, staked, lent, yield_index, xlm_index, xlm_shared, at_s, stakers)
VALUES (1, 0, 0, '0', '0', 0, 0, 0);

-- Ids count from 1 without a gap, as do an account's own numbers: lists are pages of numbers.
CREATE TABLE stakes (
    id BIGINT PRIMARY KEY CHECK (id > 0),
    account TEXT NOT NULL,
    number BIGINT NOT NULL CHECK (number > 0),
    amount BIGINT NOT NULL CHECK (amount > 0),
    yield_index TEXT NOT NULL,
    xlm_index TEXT NOT NULL,
    staked_at_us BIGINT NOT NULL,
    stake_hash TEXT NOT NULL,
    unstaked_at_us BIGINT,
    yield_earned BIGINT CHECK (yield_earned >= 0),
    yield_minted BIGINT CHECK (yield_minted BETWEEN 0 AND yield_earned),
    xlm_income BIGINT CHECK (xlm_income >= 0),
    unstake_hash TEXT,
    UNIQUE (account, number),
    CHECK ((unstaked_at_us IS NULL) = (yield_earned IS NULL)),
    CHECK ((unstaked_at_us IS NULL) = (yield_minted IS NULL)),
    CHECK ((unstaked_at_us IS NULL) = (xlm_income IS NULL)),
    CHECK ((unstaked_at_us IS NULL) = (unstake_hash IS NULL))
) STRICT;

CREATE INDEX stakes_open ON stakes (account) WHERE unstaked_at_us IS NULL;

CREATE TABLE loans (
    id BIGINT PRIMARY KEY CHECK (id > 0),
    account TEXT NOT NULL,
    number BIGINT NOT NULL CHECK (number > 0),
    principal BIGINT NOT NULL CHECK (principal > 0),
    collateral BIGINT NOT NULL CHECK (collateral > principal),
    fee BIGINT NOT NULL CHECK (fee > 0),
    borrowed_at_us BIGINT NOT NULL,
    due_at_us BIGINT NOT NULL,
    loan_hash TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'repaid', 'liquidated')),
    closed_at_us BIGINT,
    closing_hash TEXT,
    UNIQUE (account, number),
    CHECK ((status = 'active') = (closed_at_us IS NULL)),
    CHECK ((status = 'active') = (closing_hash IS NULL))
) STRICT;

CREATE INDEX loans_due ON loans (due_at_us, id) WHERE status = 'active';

-- What the pool earned and paid, in the order in which it happened. Never changed.
CREATE TABLE yield_records (
    id BIGINT PRIMARY KEY CHECK (id > 0),
    kind TEXT NOT NULL CHECK (kind IN ('accrual', 'fee', 'liquidation', 'commission', 'payout')),
    at_us BIGINT NOT NULL,
    lt BIGINT NOT NULL CHECK (lt >= 0),
    xlm BIGINT NOT NULL CHECK (xlm >= 0),
    seconds BIGINT NOT NULL CHECK (seconds >= 0),
    staked BIGINT NOT NULL CHECK (staked >= 0),
    lent BIGINT NOT NULL CHECK (lent >= 0),
    minted BIGINT NOT NULL CHECK (minted BETWEEN 0 AND lt),
    stake_id BIGINT REFERENCES stakes (id),
    loan_id BIGINT REFERENCES loans (id)
) STRICT;
