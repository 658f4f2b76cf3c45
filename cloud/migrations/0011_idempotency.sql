-- The first result of each Idempotency-Key, written in the transaction of what it did.
CREATE TABLE idempotency_keys (
    account TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    body_sha256 TEXT NOT NULL,
    result TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    PRIMARY KEY (account, route, key)
) STRICT;

CREATE INDEX idempotency_keys_by_time ON idempotency_keys (at_us);
