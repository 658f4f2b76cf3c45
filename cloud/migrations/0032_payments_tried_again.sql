-- A refund or payout that failed may be sent again by an administrator: each time under an id of its own at the
-- provider, made of its id and this number.
ALTER TABLE refunds ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1 CHECK (attempt > 0);
ALTER TABLE payouts ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1 CHECK (attempt > 0);
