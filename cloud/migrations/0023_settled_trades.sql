-- Settled trades in the order of their settlement, so that a running total reads only the new ones.
CREATE INDEX trades_settled ON trades (burn_entry_id) WHERE burn_entry_id IS NOT NULL;
