-- Orders in whole lots (0.001 kWh) and ticks (0.0001 XLM/kWh). `seq` is the order of arrival.
CREATE TABLE orders (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    owner_person_id BIGINT,
    side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    cover TEXT NOT NULL CHECK (cover IN ('covered', 'pledge')),
    lots BIGINT NOT NULL CHECK (lots > 0),
    lots_open BIGINT NOT NULL CHECK (lots_open BETWEEN 0 AND lots),
    price_ticks BIGINT NOT NULL CHECK (price_ticks > 0),
    status TEXT NOT NULL CHECK (status IN ('Created', 'Matched', 'Completed', 'Cancelled', 'Expired')),
    created_at_us BIGINT NOT NULL,
    CHECK (status <> 'Created' OR lots_open > 0)
) STRICT;

CREATE INDEX orders_open ON orders (side, account, lots_open) WHERE status = 'Created';
CREATE INDEX orders_open_by_price ON orders (side, price_ticks, seq) WHERE status = 'Created';
CREATE INDEX orders_by_account ON orders (account, seq);

CREATE TABLE trades (
    id TEXT PRIMARY KEY,
    buy_order_id TEXT NOT NULL REFERENCES orders (id),
    sell_order_id TEXT NOT NULL REFERENCES orders (id),
    lots BIGINT NOT NULL CHECK (lots > 0),
    price_ticks BIGINT NOT NULL CHECK (price_ticks > 0),
    status TEXT NOT NULL CHECK (status IN ('Matched', 'Completed', 'Refunded')),
    created_at_us BIGINT NOT NULL,
    completed_at_us BIGINT,
    CHECK ((status = 'Completed') = (completed_at_us IS NOT NULL))
) STRICT;

CREATE INDEX trades_completed ON trades (completed_at_us, id) WHERE status = 'Completed';
