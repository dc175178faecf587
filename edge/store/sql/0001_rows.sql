-- Rows in blocks of one recording, numbered without a hole inside a block. See block.h for `rows`.
CREATE TABLE blocks (
    first_row INTEGER PRIMARY KEY,
    last_row INTEGER NOT NULL,
    recording INTEGER NOT NULL,
    train_rows INTEGER NOT NULL,
    rows BLOB NOT NULL
) STRICT;

-- How far each replayed file was read, and as which recording.
CREATE TABLE files (
    name TEXT PRIMARY KEY,
    rows INTEGER NOT NULL,
    recording INTEGER NOT NULL
) STRICT;

-- next_row: the number of the next row. columns: what the rows' values are.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT;
