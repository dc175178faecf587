-- The newest round that counts an update of a gateway. Gateways send their updates in the order of
-- rounds, one after the other's verdict, so whatever is sent again is of this round or not counted.
CREATE TABLE counted (
    federation TEXT    NOT NULL,
    gateway    TEXT    NOT NULL,
    round      INTEGER NOT NULL,
    digest     BLOB    NOT NULL,
    PRIMARY KEY (federation, gateway)
) WITHOUT ROWID;
