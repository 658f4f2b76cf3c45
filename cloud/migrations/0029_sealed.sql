-- Devices that read what is sealed for a person. A revoked one stays, so that neither its id nor its key comes
-- back. Private keys are on the devices and nowhere else.
CREATE TABLE sealed_devices (
    person_id BIGINT NOT NULL REFERENCES people (id),
    device_id TEXT NOT NULL,
    public_key TEXT NOT NULL,
    key_sha256 TEXT NOT NULL,
    device_name TEXT NOT NULL,
    device_type TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'revoked')),
    created_at_us BIGINT NOT NULL,
    approved_at_us BIGINT,
    revoked_at_us BIGINT,
    PRIMARY KEY (person_id, device_id),
    UNIQUE (person_id, key_sha256)
) STRICT;

CREATE INDEX transactions_sealed ON transactions (person_id, id) WHERE encrypted_data IS NOT NULL;
