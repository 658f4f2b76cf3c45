-- Plausible minted energy by device: minted freely, or released by an administrator. Kept, not summed.
CREATE TABLE plausible_energy (
    device_id TEXT PRIMARY KEY,
    energy_mwh BIGINT NOT NULL CHECK (energy_mwh >= 0)
) STRICT;

INSERT INTO plausible_energy (device_id, energy_mwh)
SELECT mints.device_id,
    SUM(CASE WHEN held_mints.state = 'released' THEN mints.energy_mwh ELSE mints.energy_mwh - mints.held_mwh END)
FROM mints LEFT JOIN held_mints ON held_mints.mint_id = mints.id
GROUP BY mints.device_id;

-- Devices that are nodes of the network, with what was counted for them. `signed_day`: days since 1970.
CREATE TABLE depin_nodes (
    id TEXT PRIMARY KEY,
    device_id TEXT NOT NULL UNIQUE REFERENCES devices (device_id) ON UPDATE CASCADE ON DELETE CASCADE,
    hardware_type TEXT NOT NULL,
    firmware_version TEXT NOT NULL,
    operator_person_id BIGINT NOT NULL REFERENCES people (id),
    operator_account TEXT NOT NULL,
    operator_wallet TEXT NOT NULL,
    registered_at_us BIGINT NOT NULL,
    counted_until_us BIGINT NOT NULL CHECK (counted_until_us >= registered_at_us),
    uptime_us BIGINT NOT NULL CHECK (uptime_us BETWEEN 0 AND counted_until_us - registered_at_us),
    energy_mwh BIGINT NOT NULL CHECK (energy_mwh >= 0),
    rewards BIGINT NOT NULL CHECK (rewards >= 0),
    signed_key TEXT,
    signed_day BIGINT NOT NULL,
    signed_days BIGINT NOT NULL CHECK (signed_days >= 0)
) STRICT;

-- The keys that were paid for, with the devices they spoke for then: neither is paid for twice.
CREATE TABLE depin_keys (
    public_key TEXT PRIMARY KEY,
    device_id TEXT NOT NULL UNIQUE,
    at_us BIGINT NOT NULL
) STRICT;

-- Months that were looked at, rewarded or not: each once.
CREATE TABLE depin_months (
    device_id TEXT NOT NULL REFERENCES depin_nodes (device_id) ON UPDATE CASCADE ON DELETE CASCADE,
    month TEXT NOT NULL,
    uptime_us BIGINT NOT NULL,
    rewarded INTEGER NOT NULL CHECK (rewarded IN (0, 1)),
    PRIMARY KEY (device_id, month)
) STRICT;
