-- One row for each accepted report; its id is that of its ledger entry. Never changed: it is the first answer.
CREATE TABLE mints (
    id BIGINT PRIMARY KEY,
    report_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    sender_uid TEXT NOT NULL,
    receiver_uid TEXT NOT NULL,
    account TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('minted', 'held')),
    hold_reason TEXT,
    energy_mwh BIGINT NOT NULL CHECK (energy_mwh > 0),
    held_mwh BIGINT NOT NULL CHECK (held_mwh BETWEEN 0 AND energy_mwh),
    circular_mwh BIGINT NOT NULL CHECK (circular_mwh >= 0),
    quality_factor REAL NOT NULL,
    tokens BIGINT NOT NULL CHECK (tokens >= 0),
    held_tokens BIGINT NOT NULL CHECK (held_tokens BETWEEN 0 AND tokens),
    carbon_mg_per_kwh BIGINT NOT NULL CHECK (carbon_mg_per_kwh >= 0),
    co2_saved_mg BIGINT NOT NULL CHECK (co2_saved_mg >= 0),
    carbon_credit BIGINT NOT NULL CHECK (carbon_credit >= 0),
    held_carbon_credit BIGINT NOT NULL CHECK (held_carbon_credit BETWEEN 0 AND carbon_credit),
    sell_order_id TEXT,
    price_ticks BIGINT NOT NULL CHECK (price_ticks > 0),
    tx_hash TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    UNIQUE (device_id, report_id)
) STRICT;

-- Every report that was decided on, minted or refused by policy, so that a repeat gets the first answer.
CREATE TABLE reports (
    device_id TEXT NOT NULL,
    report_id TEXT NOT NULL,
    content_sha256 TEXT NOT NULL,
    sender_uid TEXT NOT NULL,
    started_at_us BIGINT NOT NULL,
    ended_at_us BIGINT NOT NULL,
    mint_id BIGINT REFERENCES mints (id),
    refusal TEXT,
    at_us BIGINT NOT NULL,
    PRIMARY KEY (device_id, report_id),
    CHECK ((mint_id IS NULL) = (refusal IS NOT NULL))
) STRICT;

CREATE INDEX reports_by_content ON reports (device_id, content_sha256, at_us);
CREATE INDEX reports_by_interval ON reports (device_id, sender_uid, ended_at_us) WHERE mint_id IS NOT NULL;

-- What each node sent and received by transfer, and the highest difference so far (scaled mWh).
CREATE TABLE node_flows (
    device_id TEXT NOT NULL,
    node_uid TEXT NOT NULL,
    sent_mwh BIGINT NOT NULL CHECK (sent_mwh >= 0),
    received_mwh BIGINT NOT NULL CHECK (received_mwh >= 0),
    high_water_mwh BIGINT NOT NULL CHECK (high_water_mwh >= 0),
    PRIMARY KEY (device_id, node_uid)
) STRICT;

-- What is kept apart until an admin decides.
CREATE TABLE held_mints (
    mint_id BIGINT PRIMARY KEY REFERENCES mints (id),
    state TEXT NOT NULL CHECK (state IN ('held', 'released', 'burned')),
    decided_at_us BIGINT,
    CHECK ((state = 'held') = (decided_at_us IS NULL))
) STRICT;

CREATE INDEX held_mints_open ON held_mints (mint_id) WHERE state = 'held';
