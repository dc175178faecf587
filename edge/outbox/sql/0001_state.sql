-- What an agent must not forget: its start number, its session, the federation's document, the updates
-- that wait for their receipts and closings, and which model slot is active.

CREATE TABLE value (
    key   TEXT PRIMARY KEY, -- boot, session, document, revision
    value BLOB NOT NULL
) WITHOUT ROWID;
INSERT INTO value VALUES ('boot', 0);

CREATE TABLE outbox (
    round     INTEGER PRIMARY KEY, -- one update a round: the first that was made
    payload   BLOB    NOT NULL,    -- trib.wire.Update, encoded; sealed anew whenever it is sent
    first_row INTEGER NOT NULL,
    last_row  INTEGER NOT NULL,
    verdict   TEXT    NOT NULL DEFAULT '' -- of its receipt; '' until it comes
);

-- Verdicts that have come, for people and for proof.
CREATE TABLE receipt (
    round   INTEGER PRIMARY KEY,
    digest  BLOB    NOT NULL,
    verdict TEXT    NOT NULL
);

CREATE TABLE slot (
    only    INTEGER PRIMARY KEY CHECK (only = 1),
    name    TEXT    NOT NULL, -- a or b
    release INTEGER NOT NULL,
    digest  BLOB    NOT NULL
);
