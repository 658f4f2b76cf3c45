-- What became of an order's filled lots: sold and not delivered yet, and settled. The rest was refunded.
ALTER TABLE orders ADD COLUMN lots_undelivered BIGINT NOT NULL DEFAULT 0 CHECK (lots_undelivered >= 0);
ALTER TABLE orders ADD COLUMN lots_settled BIGINT NOT NULL DEFAULT 0
    CHECK (lots_settled >= 0 AND lots_open + lots_undelivered + lots_settled <= lots);

CREATE INDEX orders_open_by_age ON orders (created_at_us) WHERE status = 'Created';
CREATE INDEX orders_pledged ON orders (account)
    WHERE cover = 'pledge' AND (status = 'Created' OR lots_undelivered > 0);

-- Trades again, with the accounts of both sides; none was ever made before. `seq` is the order of matching.
DROP TABLE trades;

CREATE TABLE trades (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    buy_order_id TEXT NOT NULL REFERENCES orders (id),
    sell_order_id TEXT NOT NULL REFERENCES orders (id),
    buyer TEXT NOT NULL,
    seller TEXT NOT NULL,
    lots BIGINT NOT NULL CHECK (lots > 0),
    price_ticks BIGINT NOT NULL CHECK (price_ticks > 0),
    deposit BIGINT NOT NULL CHECK (deposit >= 0),
    status TEXT NOT NULL CHECK (status IN ('Matched', 'Completed', 'Refunded')),
    created_at_us BIGINT NOT NULL,
    completed_at_us BIGINT,
    burn_entry_id BIGINT,
    CHECK ((status = 'Completed') = (completed_at_us IS NOT NULL)),
    CHECK ((status = 'Completed') = (burn_entry_id IS NOT NULL)),
    CHECK (buyer <> seller)
) STRICT;

CREATE INDEX trades_completed ON trades (completed_at_us, seq) WHERE status = 'Completed';
CREATE INDEX trades_undelivered ON trades (seller, seq) WHERE status = 'Matched';
CREATE INDEX trades_undelivered_by_age ON trades (created_at_us) WHERE status = 'Matched';
CREATE INDEX trades_by_buyer ON trades (buyer, seq);
CREATE INDEX trades_by_seller ON trades (seller, seq);

-- One row: every use case that changes what is open writes a new random token, so that a copy in memory that
-- does not know it is known to be out of date.
CREATE TABLE market_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    token TEXT NOT NULL
) STRICT;

INSERT INTO market_state (id, token) VALUES (1, '');

CREATE INDEX mints_by_device ON mints (device_id, at_us);
