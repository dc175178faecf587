#!/usr/bin/env python3
"""What bench_pipeline.c does, in vectorised numpy and scipy on the same rows.

One core: run it with OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1. Edges are treated as the C code
treats them, so the checksums agree to a few digits (f64 here, f32 there). Says so and ends with 77
where numpy or scipy is missing.
"""
import argparse
import json
import statistics
import sys
import time

try:
    import numpy as np
    from numpy.lib.stride_tricks import sliding_window_view
    from scipy import signal
except ImportError:
    print("reference_pipeline.py: numpy or scipy is not installed", file=sys.stderr)
    sys.exit(77)

ROWS, SOURCES, RATE, HALF, WINDOW, HOP = 200_000, 6, 100.0, 5, 50, 25
BANDS = [(1, 5), (5, 12), (12, 25), (25, 50)]


def uniform(counter):
    """SplitMix64 of a counter, as in bench_pipeline.c."""
    z = counter.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) / 2.0**53


def generate():
    rows = np.arange(ROWS, dtype=np.uint64)
    times = (rows * np.uint64(10000)).astype(np.int64)
    times += (uniform(8 * rows + np.uint64(7)) * 6000).astype(np.int64)
    channels = np.arange(SOURCES, dtype=np.uint64)
    noise = uniform(8 * rows[None, :] + channels[:, None] + np.uint64(1))
    wave = np.sin(0.05 * (channels[:, None] + 1.0) * rows[None, :].astype(float))
    values = channels[:, None] + wave + 0.5 * noise + np.where(noise > 0.998, 40.0, 0.0)
    return times, values.astype(np.float32)  # [channel][row]


def middle(windows):
    """The median of an odd number of values; twice as fast as np.median."""
    return np.partition(windows, HALF, axis=2)[:, :, HALF]


def hampel(x):
    """The inner rows at once; the few rows at both ends one by one."""
    windows = sliding_window_view(x, 2 * HALF + 1, axis=1)
    median = middle(windows)
    mad = middle(np.abs(windows - median[:, :, None]))
    out = x.copy()
    inner = x[:, HALF:-HALF]
    out[:, HALF:-HALF] = np.where(np.abs(inner - median) > 3 * 1.4826 * mad, median, inner)
    count = x.shape[1]
    for i in list(range(HALF)) + list(range(count - HALF, count)):
        window = x[:, max(0, i - HALF) : i + HALF + 1]
        centre = np.median(window, axis=1)
        spread = np.median(np.abs(window - centre[:, None]), axis=1)
        out[:, i] = np.where(np.abs(x[:, i] - centre) > 3 * 1.4826 * spread, centre, x[:, i])
    return out


def lowpass(x, frequency=20.0, q=0.7071):
    angle = 2 * np.pi * frequency / RATE
    alpha = np.sin(angle) / (2 * q)
    b = np.array([0.5, 1.0, 0.5]) * (1 - np.cos(angle)) / (1 + alpha)
    a = np.array([1 + alpha, -2 * np.cos(angle), 1 - alpha]) / (1 + alpha)
    start = signal.lfilter_zi(b, a)[None, :] * x[:, :1]
    return signal.lfilter(b, a, x, axis=1, zi=start)[0]


def features(x):
    windows = sliding_window_view(x, WINDOW, axis=1)[:, ::HOP]  # [channel][window][row]
    mean = windows.mean(axis=2)
    apart = windows - mean[:, :, None]
    square = apart * apart  # and again for the fourth power: `**` is many times slower
    variance = square.mean(axis=2)
    low, high = windows.min(axis=2), windows.max(axis=2)
    rms = np.sqrt(mean**2 + variance)
    above = apart >= 0
    hann = signal.windows.hann(WINDOW, sym=False)
    power = np.abs(np.fft.rfft(apart * (hann / hann.sum()), axis=2)) ** 2
    power[:, :, 1:-1] *= 2
    frequency = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    bands = [power[:, :, (frequency >= l) & (frequency < h)].mean(axis=2) for l, h in BANDS]
    columns = [
        mean, np.sqrt(variance), low, high, np.median(windows, axis=2), rms, high - low,
        (square * square).mean(axis=2) / variance**2, np.maximum(np.abs(low), np.abs(high)) / rms,
        (above[:, :, 1:] != above[:, :, :-1]).mean(axis=2),
        np.abs(np.diff(windows, axis=2)).mean(axis=2), windows[:, :, -1], *bands,
    ]
    return np.stack(columns, axis=2)


def run(times, values):
    grid = np.arange(times[0], times[-1] + 1, 10000)
    even = np.stack([np.interp(grid, times, channel) for channel in values])
    examples = features(lowpass(hampel(even)))
    return np.clip((examples - 1.0) / 2.0, -8, 8)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    seconds = parser.parse_args().seconds
    times, values = generate()
    rates, start = [], time.perf_counter()
    while not rates or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        scores = run(times, values)
        rates.append(ROWS / (time.perf_counter() - before))
    print(json.dumps({"name": "pipeline.samples_per_s", "value": round(statistics.median(rates)),
                      "unit": "samples/s", "windows": scores.shape[1], "checksum": float(scores.sum())}))


if __name__ == "__main__":
    main()
