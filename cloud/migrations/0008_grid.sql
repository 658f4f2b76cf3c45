-- How far each stream of each journal has been applied; moved in the transaction of what was applied.
CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    device_id TEXT NOT NULL,
    journal_id TEXT NOT NULL,
    stream TEXT NOT NULL,
    through BIGINT NOT NULL CHECK (through >= 0),
    moved_us BIGINT NOT NULL,
    UNIQUE (device_id, journal_id, stream)
) STRICT;

-- Records refused for good, kept so that a repeated record is refused with the same words.
CREATE TABLE stream_refusals (
    stream_id BIGINT NOT NULL REFERENCES streams (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    reason TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    PRIMARY KEY (stream_id, seq)
) STRICT;

-- One row for each record; the key is the last line of defence behind the cursor.
CREATE TABLE telemetry (
    stream_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    boot_id TEXT NOT NULL,
    monotonic_us BIGINT NOT NULL,
    utc_us BIGINT NOT NULL,
    synced INTEGER NOT NULL,
    historical INTEGER NOT NULL,
    received_us BIGINT NOT NULL,
    nodes TEXT NOT NULL,
    PRIMARY KEY (stream_id, seq)
) STRICT;

CREATE INDEX telemetry_by_receipt ON telemetry (received_us);

-- The latest of every node.
CREATE TABLE node_states (
    device_id TEXT NOT NULL,
    uid TEXT NOT NULL,
    voltage_mv BIGINT,
    current_ma BIGINT,
    temperature_c REAL,
    soc_percent REAL,
    soc_band_percent REAL,
    state TEXT NOT NULL,
    quality TEXT NOT NULL,
    ip TEXT,
    seen_us BIGINT NOT NULL,
    PRIMARY KEY (device_id, uid)
) STRICT;

-- Whether a device is there, and what it last said of itself as a whole.
CREATE TABLE device_presence (
    device_id TEXT PRIMARY KEY,
    online INTEGER NOT NULL,
    heard_us BIGINT NOT NULL,
    boot_id TEXT,
    version TEXT,
    voltage_mv BIGINT,
    battery_level_percent REAL,
    reported_us BIGINT
) STRICT;

CREATE TABLE transfers (
    id TEXT PRIMARY KEY,
    device_id TEXT NOT NULL,
    sender_uid TEXT NOT NULL,
    receiver_uid TEXT NOT NULL,
    state TEXT NOT NULL,
    requested_us BIGINT,
    lease_ends_us BIGINT,
    started_us BIGINT,
    ended_us BIGINT,
    touched_us BIGINT NOT NULL,
    energy_mwh BIGINT NOT NULL CHECK (energy_mwh >= 0),
    reports BIGINT NOT NULL
) STRICT;

CREATE INDEX transfers_by_device ON transfers (device_id, state);
CREATE INDEX transfers_by_touch ON transfers (touched_us);

-- Vetoes, faults, holds: what agents thought worth telling.
CREATE TABLE device_events (
    id INTEGER PRIMARY KEY,
    device_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    node_uid TEXT,
    reason TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    received_us BIGINT NOT NULL
) STRICT;

CREATE INDEX device_events_by_receipt ON device_events (received_us);
