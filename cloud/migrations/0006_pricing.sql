-- Every price with its unrounded factors: a row for each change of what is shown, and at least one a minute.
CREATE TABLE prices (
    id INTEGER PRIMARY KEY,
    at_us BIGINT NOT NULL,
    price_ticks BIGINT NOT NULL CHECK (price_ticks > 0),
    supply BIGINT NOT NULL CHECK (supply >= 0),
    demand BIGINT NOT NULL CHECK (demand >= 0),
    soc_mean REAL,
    distance_km REAL,
    quality REAL,
    base_xlm_per_kwh REAL NOT NULL,
    f_sd REAL NOT NULL,
    f_soc REAL NOT NULL,
    f_dist REAL NOT NULL,
    f_time REAL NOT NULL,
    f_quality REAL NOT NULL
) STRICT;

CREATE INDEX prices_by_time ON prices (at_us);
