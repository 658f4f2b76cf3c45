-- Who may hold a balance: pseudonyms, system accounts, and holds named <account>/<what for>.
CREATE TABLE accounts (
    account TEXT PRIMARY KEY,
    unlimited INTEGER NOT NULL CHECK (unlimited IN (0, 1)),
    opened_at_us BIGINT NOT NULL
) STRICT;

-- The sum of an account's postings in one asset. The floor stands here, as the last line of defence.
CREATE TABLE balances (
    account TEXT NOT NULL REFERENCES accounts (account),
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL,
    unlimited INTEGER NOT NULL CHECK (unlimited IN (0, 1)),
    postings BIGINT NOT NULL CHECK (postings >= 0),
    PRIMARY KEY (account, asset),
    CHECK (amount >= 0 OR unlimited = 1)
) STRICT;

-- What was posted, as it was posted: `document` is canonical JSON, in the public book the bytes of the leaf.
-- `subtrees` holds the hashes of the complete subtrees whose last leaf this is, smallest first, 64 hex digits
-- each: one on average, and root and proofs need no more than log2(n) rows.
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    book TEXT NOT NULL CHECK (book IN ('public', 'private')),
    kind TEXT NOT NULL,
    kind_number BIGINT NOT NULL CHECK (kind_number > 0),
    leaf_index BIGINT,
    at_us BIGINT NOT NULL,
    document TEXT NOT NULL,
    leaf_hash TEXT,
    subtrees TEXT,
    reverses BIGINT REFERENCES entries (id),
    CHECK ((book = 'public') = (leaf_index IS NOT NULL)),
    CHECK ((leaf_index IS NULL) = (leaf_hash IS NULL)),
    CHECK ((leaf_index IS NULL) = (subtrees IS NULL))
) STRICT;

CREATE UNIQUE INDEX entries_by_leaf ON entries (leaf_index) WHERE leaf_index IS NOT NULL;
CREATE UNIQUE INDEX entries_by_kind ON entries (book, kind, kind_number);
CREATE UNIQUE INDEX entries_by_reversed ON entries (reverses) WHERE reverses IS NOT NULL;

-- The movements of each account, numbered from 1 without a gap within account and asset.
CREATE TABLE postings (
    account TEXT NOT NULL,
    asset TEXT NOT NULL,
    number BIGINT NOT NULL CHECK (number > 0),
    entry_id BIGINT NOT NULL REFERENCES entries (id),
    amount BIGINT NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (account, asset, number),
    FOREIGN KEY (account, asset) REFERENCES balances (account, asset)
) STRICT;

