"""What a cloud's ledger holds, read from its files by nothing of ours but their layout."""
import collections
import struct

from exact_sum import fields

UPDATE, CLOSED = 4, 5  # cloud/types/records.proto
HEADER = 32


def records(folder):
    """(kind, fields) of every record, in order."""
    for path in sorted(folder.glob("*.ledger")):
        data, at = path.read_bytes(), 0
        while at + HEADER <= len(data):
            magic, size, kind = struct.unpack_from("<4sII", data, at)
            assert magic == b"TRBL", f"{path} at {at}"
            yield kind, fields(data[at + HEADER:at + HEADER + size])
            at += HEADER + size


def counted(folder):
    """Updates by (round, gateway): the digests that were recorded. Rounds: what their closing says."""
    updates, rounds = collections.defaultdict(list), {}
    for kind, record in records(folder):
        if kind == UPDATE:
            number = fields(record[6]).get(1, 0)
            updates[number, record[2].decode()].append(record[5])
        elif kind == CLOSED:
            assert record[2] not in rounds, f"round {record[2]} closed twice"
            rounds[record[2]] = record
    return updates, rounds
