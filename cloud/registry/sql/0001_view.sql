-- A view of the ledger at meta.position: everything here can be made again from it.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO meta VALUES ('position', 0);

-- The newest record of each kind about each subject: what recovery starts from.
CREATE TABLE newest (
    federation TEXT    NOT NULL,
    subject    TEXT    NOT NULL, -- a gateway, or '' for the federation itself
    type       INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    payload    BLOB    NOT NULL,
    PRIMARY KEY (federation, subject, type)
) WITHOUT ROWID;

-- For people and the API.
CREATE TABLE federations (
    name       TEXT PRIMARY KEY,
    revision   INTEGER NOT NULL,
    document   TEXT    NOT NULL,
    applied_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE gateways (
    federation TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    generation INTEGER NOT NULL,
    serial     TEXT    NOT NULL,
    joined_ms  INTEGER NOT NULL,
    PRIMARY KEY (federation, name)
) WITHOUT ROWID;

CREATE TABLE revocations (
    gateway    TEXT PRIMARY KEY,
    discard    INTEGER NOT NULL,
    revoked_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE rounds (
    federation TEXT    NOT NULL,
    number     INTEGER NOT NULL, -- incarnation in the upper 32 bits
    position   INTEGER NOT NULL, -- of its opening in the ledger
    ordinal    INTEGER NOT NULL,
    statistics INTEGER NOT NULL,
    outcome    TEXT    NOT NULL, -- open, closed, abandoned
    updates    INTEGER NOT NULL DEFAULT 0,
    weight     INTEGER NOT NULL DEFAULT 0,
    loss       REAL    NOT NULL DEFAULT 0,
    bytes_up   INTEGER NOT NULL DEFAULT 0,
    opened_ms  INTEGER NOT NULL,
    closed_ms  INTEGER NOT NULL DEFAULT 0,
    model      BLOB,             -- SHA-256 of the file
    served     BLOB,
    strategy   BLOB,
    reason     TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (federation, number)
) WITHOUT ROWID;

CREATE TABLE releases (
    federation TEXT    NOT NULL,
    number     INTEGER NOT NULL,
    round      INTEGER NOT NULL,
    model      BLOB    NOT NULL,
    time_ms    INTEGER NOT NULL,
    PRIMARY KEY (federation, number)
) WITHOUT ROWID;

-- Not from the ledger: chunks that are retained on the broker, to be cleared when superseded.
CREATE TABLE published (
    federation TEXT    NOT NULL,
    id         BLOB    NOT NULL,
    chunks     INTEGER NOT NULL,
    PRIMARY KEY (federation, id)
) WITHOUT ROWID;
