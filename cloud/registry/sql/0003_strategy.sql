-- Federations may share a state of a strategy, file by file: whoever takes one away looks for others.
CREATE INDEX rounds_by_strategy ON rounds (strategy);
