-- Where a person, or an application for everyone who let it in, is told of events by HTTP. Event types are separated by spaces.
CREATE TABLE webhook_endpoints (
    id TEXT PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES people (id),
    client_id TEXT REFERENCES applications (client_id),
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    events TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    failing_since_us BIGINT,
    disabled_at_us BIGINT,
    disabled_because TEXT CHECK (disabled_because IN ('owner', 'gone', 'failing'))
) STRICT;

CREATE INDEX webhook_endpoints_by_person ON webhook_endpoints (person_id);
CREATE INDEX webhook_endpoints_by_client ON webhook_endpoints (client_id);

-- Sealed under a key of the data folder. After a rotation the old one and the new one are both good for a while.
CREATE TABLE webhook_secrets (
    id TEXT PRIMARY KEY,
    endpoint_id TEXT NOT NULL REFERENCES webhook_endpoints (id),
    sealed TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    expires_at_us BIGINT
) STRICT;

CREATE INDEX webhook_secrets_by_endpoint ON webhook_secrets (endpoint_id);

-- One event for one endpoint. due_at_us is null once it is over, while an earlier event about the same object
-- is not, and while the endpoint is disabled.
CREATE TABLE webhook_deliveries (
    endpoint_id TEXT NOT NULL REFERENCES webhook_endpoints (id),
    event_id BIGINT NOT NULL,
    type TEXT NOT NULL,
    about TEXT NOT NULL,
    person_id BIGINT,
    status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    tries INTEGER NOT NULL,
    due_at_us BIGINT,
    created_at_us BIGINT NOT NULL,
    PRIMARY KEY (endpoint_id, event_id)
) STRICT;

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at_us);
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (endpoint_id, about, status, event_id);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at_us);

CREATE TABLE webhook_attempts (
    endpoint_id TEXT NOT NULL,
    event_id BIGINT NOT NULL,
    number INTEGER NOT NULL,
    at_us BIGINT NOT NULL,
    duration_ms INTEGER NOT NULL,
    status_code INTEGER,
    problem TEXT,
    excerpt TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, event_id, number)
) STRICT;
