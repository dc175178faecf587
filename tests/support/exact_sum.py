"""The federated model once more, from what gateways kept: an implementation that shares nothing with ours.

Reads the gateways' updates and receipts, adds the counted ones as Python integers, and applies FedAvg in
float64 rounded once, as docs/protocol.md says.
"""
import json
import math
import struct
import subprocess

import numpy as np


def fields(message):
    """The fields of a protobuf message: {number: last value}."""
    out, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        number, kind = key >> 3, key & 7
        if kind == 0:
            out[number] = varint()
        elif kind == 1:
            out[number] = message[at:at + 8]
            at += 8
        elif kind == 5:
            out[number] = message[at:at + 4]
            at += 4
        else:
            size = varint()
            out[number] = message[at:at + size]
            at += size
    return out


def payload(update):
    message = fields(update)
    data = message[4]
    if message.get(5, 0):
        data = subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=True).stdout
    return data


def decode(packed):
    """weight, and the values as exact float64."""
    version, codec, block, count, weight = struct.unpack_from("<BBHII", packed)
    assert version == 1
    if codec == 1:
        return weight, np.frombuffer(packed, "<f4", count, 12).astype(np.float64)
    assert codec == 2
    blocks = (count + block - 1) // block
    scales = np.frombuffer(packed, "<f4", blocks, 12).astype(np.float64)
    steps = np.frombuffer(packed, "i1", count, 12 + 4 * blocks).astype(np.float64)
    return weight, steps * np.repeat(scales, block)[:count]


def grid_exponent(updates, max_weight, clip_norm):
    """As common/fold/fold.h: 46 bits for one contribution, at most 62 for the sum."""
    def up(value):
        fraction, exponent = math.frexp(value)
        return exponent if fraction > 0.5 else exponent - 1
    one = up(max_weight * float(np.float32(clip_norm)))
    return max(one - 46, one + up(updates) - 62)


def mean(updates, expected, max_weight, clip_norm):
    """The weighted mean of encoded updates, by integers."""
    grid = grid_exponent(expected, max_weight, clip_norm)
    total, sums = 0, None
    for update in updates:
        weight, values = decode(payload(update))
        scaled = np.ldexp(weight * values, -grid)  # exact: 20 + 32 bits
        integers = np.rint(scaled).astype(object)
        sums = [int(i) for i in integers] if sums is None else [a + int(b) for a, b in zip(sums, integers)]
        total += weight
    return np.array([math.ldexp(float(s) / float(total), grid) for s in sums]), total


def read_parameters(file):
    """The parameters of a model file in the order of updates, and its header."""
    size = struct.unpack_from("<Q", file)[0]
    header = json.loads(file[8:8 + size])
    parts = []
    names = sorted({name.rsplit(".", 1)[0] for name in header if name.startswith("layers.")})
    for layer in names:
        for what in ("weight", "bias"):
            first, last = header[f"{layer}.{what}"]["data_offsets"]
            parts.append(np.frombuffer(file, "<f4", (last - first) // 4, 8 + size + first))
    return np.concatenate(parts), header
