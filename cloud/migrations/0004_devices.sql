CREATE TABLE devices (
    device_id TEXT PRIMARY KEY,
    owner_person_id BIGINT REFERENCES people (id),
    account TEXT NOT NULL UNIQUE,
    public_key TEXT UNIQUE,
    energy_scale BIGINT NOT NULL CHECK (energy_scale BETWEEN 1 AND 1000000),
    power_w_max REAL NOT NULL CHECK (power_w_max > 0),
    device_type TEXT NOT NULL,
    location TEXT NOT NULL,
    request_counter BIGINT NOT NULL CHECK (request_counter >= 0),
    created_at_us BIGINT NOT NULL,
    seen_at_us BIGINT
) STRICT;

CREATE INDEX devices_by_owner ON devices (owner_person_id, device_id);

-- One-use codes, hashed. A code follows its device when the device takes the agent's own id.
CREATE TABLE enrolment_codes (
    code_hash TEXT PRIMARY KEY,
    device_id TEXT NOT NULL,
    owner_person_id BIGINT NOT NULL REFERENCES people (id),
    created_at_us BIGINT NOT NULL,
    used_at_us BIGINT
) STRICT;

-- Manual commands: leases of one node each. The newest of a node that is unexpired, unanswered or accepted
-- is in force.
CREATE TABLE device_commands (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    device_id TEXT NOT NULL REFERENCES devices (device_id) ON UPDATE CASCADE ON DELETE CASCADE,
    node_uid TEXT NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('charge', 'discharge', 'idle')),
    peer_uid TEXT,
    issued_at_us BIGINT NOT NULL,
    expires_at_us BIGINT NOT NULL,
    replaced_at_us BIGINT,
    answered_at_us BIGINT,
    accepted INTEGER CHECK (accepted IN (0, 1)),
    answer TEXT
) STRICT;

CREATE INDEX device_commands_in_force ON device_commands (device_id, expires_at_us);
