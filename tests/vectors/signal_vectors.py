#!/usr/bin/python3
"""Golden vectors of common/signal, in f64 with numpy and scipy.

    signal_vectors.py            writes signal_vectors.txt beside this file (a plain signal.py would
                                hide the standard module that scipy imports)
    signal_vectors.py --check    says whether the committed file is what would be written, but for
                                rounding, which differs between versions of numpy and scipy

Inputs and spec numbers are f32 (the C code reads them as such); everything after is f64. Each case
states an absolute and a relative tolerance, of which the sum holds. Lines of a case, in this order:

    case NAME ABSOLUTE RELATIVE
    spec SOURCES RATE RESAMPLE GAP FILL HAMPEL_HALF HAMPEL_THRESHOLD
    filter KIND FREQUENCY Q CHANNEL
    derive KIND COUNT OF*3 REFERENCE*3 RATE COMPONENT
    use COUNT CHANNEL...
    window ROWS HOP CONTEXT FRAMES MIN_VALID
    output ROWS? FEATURES LOG? CLIP
    band LOW HIGH
    row TIME LABEL VALUE...            then finish
    counts LATE GAPS WINDOWS SPARSE
    emit START END FIRST LAST LABEL VALID COUNT VALUE...
    mean COUNT VALUE...                of all emitted examples, by column
    deviation COUNT VALUE...
    score COUNT VALUE...               the last example, normalised
    end
"""
import argparse
import math
import pathlib
import sys

try:
    import numpy as np
    from scipy import signal, stats
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

LOWPASS, HIGHPASS, BANDPASS, NOTCH = range(4)
MAGNITUDE, ALONG, ACROSS, DIRECTION, DIFFERENCE, ABSOLUTE = range(6)
NAMES = ["mean", "std", "min", "max", "median", "rms", "range", "kurtosis", "crest",
         "zero_crossings", "mean_abs_difference", "last", "bands"]
ALL = (1 << 13) - 1
TARGET = pathlib.Path(__file__).with_name("signal_vectors.txt")


def f32(x):
    return float(np.float32(x))


def bits(*names):
    return sum(1 << NAMES.index(name) for name in names)


class Case:
    def __init__(self, name, rows, sources=3, rate=100, resample=False, gap=0, fill=0, half=0,
                 threshold=3, filters=(), derives=(), use=None, window=1, hop=1, context=0,
                 frames=1, min_valid=0, features=None, bands=(), log=False, clip=8,
                 absolute=2e-5, relative=2e-5):
        channels = sources + len(derives)
        self.name, self.rows, self.sources = name, rows, sources
        self.rate, self.resample, self.gap, self.fill = f32(rate), resample, f32(gap), fill
        self.half, self.threshold = half, f32(threshold)
        self.filters = [(k, f32(f), f32(q), c) for k, f, q, c in filters]
        self.derives = [(k, list(of), list(ref), f32(r), c) for k, of, ref, r, c in derives]
        self.use = list(range(channels)) if use is None else list(use)
        self.window, self.hop, self.context, self.frames = window, hop, context, frames
        self.min_valid, self.features, self.log, self.clip = f32(min_valid), features, log, f32(clip)
        self.bands = [(f32(low), f32(high)) for low, high in bands]
        self.absolute, self.relative = absolute, relative
        self.late = self.gaps = self.sparse = 0


def resampled(case, rows):
    """rows: (time, index, label, values). Those of one stretch, onto the grid."""
    if not case.resample or not rows:
        return rows
    out, k = [], 0
    period = 1e6 / case.rate
    for before, after in zip([rows[0]] + rows[:-1], rows):
        while True:
            at = rows[0][0] + math.floor(k * period + 0.5)
            if at > after[0]:
                break
            if at == after[0]:
                out.append(after)
            else:
                part = (at - before[0]) / (after[0] - before[0])
                near = before if at - before[0] <= after[0] - at else after
                values = before[3] + part * (after[3] - before[3])
                out.append((at, near[1], near[2], values))
            k += 1
    return out


def stretches(case):
    """Splits at gaps; a resampled recording loses rows that do not advance."""
    runs, run, last = [], [], None
    for index, (time, label, values) in enumerate(case.rows):
        row = (time, index, label, np.array(values, dtype=np.float32).astype(float))
        if last is not None and case.gap > 0 and time - last > math.floor(case.gap * 1e6 + 0.5):
            case.gaps += 1
            runs.append(run)
            run = []
        elif case.resample and last is not None and time <= last:
            case.late += 1
            continue
        run.append(row)
        last = time
    return [resampled(case, run) for run in runs + [run]]


def filled(case, x):
    """Values without NaN, and whether each is valid."""
    out, valid = x.copy(), np.ones(x.shape, bool)
    for c in range(case.sources):
        held, last = None, 0.0
        for t in range(len(x)):
            if np.isfinite(x[t, c]) and abs(x[t, c]) <= 1e12:
                held, last = 0, x[t, c]
                continue
            out[t, c] = last
            valid[t, c] = held is not None and held < case.fill
            if valid[t, c]:
                held += 1
    return out, valid


def hampel(case, x):
    if case.half == 0:
        return x
    out = x.copy()
    for t in range(len(x)):
        window = x[max(0, t - case.half) : t + case.half + 1]
        median = np.median(window, axis=0)
        mad = np.median(np.abs(window - median), axis=0)
        out[t] = np.where(np.abs(x[t] - median) > case.threshold * 1.4826 * mad, median, x[t])
    return out


def designed(kind, frequency, q, rate):
    w = 2 * np.pi * frequency / rate
    cosine, alpha = np.cos(w), np.sin(w) / (2 * q)
    a = np.array([1 + alpha, -2 * cosine, 1 - alpha])
    b = {
        LOWPASS: [(1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2],
        HIGHPASS: [(1 + cosine) / 2, -(1 + cosine), (1 + cosine) / 2],
        BANDPASS: [alpha, 0, -alpha],
        NOTCH: [1, -2 * cosine, 1],
    }[kind]
    return np.array(b) / a[0], a / a[0]


def filtered(case, x):
    out = x.copy()
    for kind, frequency, q, c in case.filters:
        b, a = designed(kind, frequency, q, case.rate)
        out[:, c] = signal.lfilter(b, a, out[:, c], zi=signal.lfilter_zi(b, a) * out[0, c])[0]
    return out


def gravity(x, rate):
    g = signal.lfilter([rate], [1, rate - 1], x, axis=0, zi=((1 - rate) * x[0])[None, :])[0]
    length = np.linalg.norm(g, axis=1, keepdims=True)
    return np.divide(g, length, out=np.zeros_like(g), where=length > 0)


def derived(case, x, valid):
    for kind, of, reference, rate, component in case.derives:
        v = x[:, of]
        sources = of
        if kind in (ALONG, ACROSS, DIRECTION):
            unit = gravity(x[:, reference], rate)
            along = (v * unit).sum(axis=1) if kind != DIRECTION else None
            sources = reference if kind == DIRECTION else of + reference
        if kind == MAGNITUDE:
            new = np.linalg.norm(v, axis=1)
        elif kind == ALONG:
            new = along
        elif kind == ACROSS:
            new = np.linalg.norm(v - along[:, None] * unit, axis=1)
        elif kind == DIRECTION:
            new = unit[:, component]
        elif kind == DIFFERENCE:
            new = np.diff(v[:, 0], prepend=v[0, 0])
        else:
            new = np.abs(v[:, 0])
        x = np.column_stack([x, new])
        valid = np.column_stack([valid, valid[:, sources].all(axis=1)])
    return x, valid


def described(case, frame):
    mean, std, peak = frame.mean(), frame.std(), np.abs(frame).max()
    rms = np.sqrt((frame**2).mean())
    above = frame >= mean
    values = [
        mean, std, frame.min(), frame.max(), np.median(frame), rms, np.ptp(frame),
        stats.kurtosis(frame, fisher=False) if np.ptp(frame) > 0 else 0.0,
        peak / rms if rms > 0 else 0.0,
        (above[1:] != above[:-1]).mean() if len(frame) > 1 else 0.0,
        np.abs(np.diff(frame)).mean() if len(frame) > 1 else 0.0,
        frame[-1],
    ]
    out = [v for i, v in enumerate(values) if case.features >> i & 1]
    if case.features >> 12 & 1:
        frequency, power = signal.periodogram(frame, case.rate, "hann", scaling="spectrum")
        for low, high in case.bands:
            mean_power = power[(frequency >= low) & (frequency < high)].mean()
            out.append(math.log(mean_power + 1e-12) if case.log else mean_power)
    return out


def example(case, x):
    if case.features is None:
        return x.ravel()
    frames = np.split(x, case.frames)
    return np.array([v for frame in frames for channel in frame.T
                     for v in described(case, channel)])


def voted(labels):
    return int(np.bincount(np.array(labels) + 1).argmax()) - 1


def windows(case):
    for rows in stretches(case):
        if not rows:
            continue
        x, valid = filled(case, np.array([row[3] for row in rows]))
        x, valid = derived(case, filtered(case, hampel(case, x)), valid)
        x, valid = x[:, case.use], valid[:, case.use]
        x = np.concatenate([np.repeat(x[:1], case.context, axis=0), x])
        for start in range(0, len(rows) - case.window + 1, case.hop):
            own = rows[start : start + case.window]
            share = valid[start : start + case.window].mean()
            if f32(share) < case.min_valid:  # so that 17 of 20 pass 0.85
                case.sparse += 1
                continue
            values = example(case, x[start : start + case.window + case.context])
            yield (own[0][0], own[-1][0], own[0][1], own[-1][1], voted([r[2] for r in own]), share,
                   values)


def numbers(values):
    return f"{len(values)} " + " ".join(f"{v:.7g}" for v in values)


def written(case):
    found = list(windows(case))
    three = lambda channels: " ".join(str(c) for c in (list(channels) + [0, 0, 0])[:3])
    lines = [f"case {case.name} {case.absolute:g} {case.relative:g}",
             f"spec {case.sources} {case.rate:.9g} {int(case.resample)} {case.gap:.9g} {case.fill} "
             f"{case.half} {case.threshold:.9g}"]
    lines += [f"filter {k} {f:.9g} {q:.9g} {c}" for k, f, q, c in case.filters]
    lines += [f"derive {k} {len(of) or len(ref)} {three(of)} {three(ref)} {r:.9g} {c}"
              for k, of, ref, r, c in case.derives]
    lines += [f"use {len(case.use)} " + " ".join(map(str, case.use)),
              f"window {case.window} {case.hop} {case.context} {case.frames} {case.min_valid:.9g}",
              f"output {int(case.features is None)} {case.features or 0} {int(case.log)} "
              f"{case.clip:.9g}"]
    lines += [f"band {low:.9g} {high:.9g}" for low, high in case.bands]
    lines += [f"row {t} {label} " + " ".join(f"{v:.6g}" for v in values)
              for t, label, values in case.rows]
    lines.append(f"counts {case.late} {case.gaps} {len(found)} {case.sparse}")
    lines += [f"emit {s} {e} {f} {l} {label} {share:.7g} {numbers(values)}"
              for s, e, f, l, label, share, values in found]
    columns = len(found[0][6]) // (case.window + case.context if case.features is None
                                   else case.frames)
    table = np.concatenate([w[6].reshape(-1, columns) for w in found])
    mean, deviation = table.mean(axis=0), table.std(axis=0)
    constant = np.ptp(table, axis=0) == 0
    safe = np.where(constant, 1.0, deviation)
    score = np.clip((found[-1][6].reshape(-1, columns) - mean) / safe, -case.clip, case.clip)
    lines += ["mean " + numbers(mean), "deviation " + numbers(np.where(constant, 0, deviation)),
              "score " + numbers(score.ravel()), "end"]
    return "\n".join(lines)


def stream(seed, count, sources=3, jitter=0, spikes=0.0, missing=0.0, labels=(-1,), offset=None,
           decimals=3):
    """Waves with noise, as (time, label, values); rounded, so that the file stays small."""
    random = np.random.default_rng(seed)
    t = np.arange(count)
    offset = np.array(offset if offset is not None else [0.5, -1.0, 9.8, 0.1, 0.2, -0.3][:sources])
    x = offset + np.sin(np.outer(t, 0.11 + 0.23 * np.arange(sources)) + np.arange(sources))
    x += 0.4 * random.normal(size=x.shape)
    x += np.where(random.random(x.shape) < spikes, 25.0, 0.0)
    x = np.round(x, decimals)
    x[random.random(x.shape) < missing] = np.nan
    times = 1_000_000 + 10_000 * t + (random.integers(-jitter, jitter + 1, count) if jitter else 0)
    chosen = np.array(labels)[np.minimum(t * len(labels) // count, len(labels) - 1)]
    return [(int(a), int(b), [float(v) for v in row]) for a, b, row in zip(times, chosen, x)]


def with_gap(rows, at, gap_us):
    return [(t + (gap_us if i >= at else 0), label, v) for i, (t, label, v) in enumerate(rows)]


def stage_cases():
    yield Case("plain_rows", stream(1, 12))
    late = stream(2, 60, jitter=14_000, labels=(0, 1))  # jitter past a period: backward stamps
    yield Case("resample_jittered_backward", late, resample=True, gap=1)
    yield Case("resample_other_rate", stream(3, 40, jitter=2000, labels=(0, 1, 2)), resample=True,
               rate=73.3, gap=1)
    repeated = stream(4, 20)
    repeated[5] = (repeated[4][0], 0, repeated[5][2])
    yield Case("resample_repeated_stamp_and_gap", with_gap(repeated, 12, 300_000), resample=True,
               gap=0.25)
    yield Case("resample_missing", stream(5, 30, jitter=3000, missing=0.2), resample=True, gap=1,
               fill=2)
    yield Case("gap_without_resample", with_gap(stream(6, 24, labels=(3, 4)), 9, 2_000_000), gap=1,
               window=4, hop=2)
    yield Case("fill", stream(7, 60, missing=0.5), fill=2)
    yield Case("fill_never", stream(8, 20, missing=0.3), fill=0)
    for half in (1, 5, 25):
        yield Case(f"hampel_{half}", stream(9 + half, 70, sources=2, spikes=0.08), sources=2,
                   half=half)
    yield Case("hampel_shorter_than_window", stream(11, 4, spikes=0.3), half=5, threshold=2)
    for kind, name in enumerate(["lowpass", "highpass", "bandpass", "notch"]):
        yield Case(f"filter_{name}", stream(20 + kind, 50, sources=2), sources=2,
                   filters=[(kind, 5 + 3 * kind, 0.7071, 0), (kind, 1.5, 2.5, 1)])
    yield Case("filter_cascade", stream(30, 60), filters=[
        (LOWPASS, 30, 0.7071, 2), (NOTCH, 12, 5, 0), (HIGHPASS, 0.5, 0.7071, 2),
        (LOWPASS, 20, 1, 0), (NOTCH, 25, 10, 2)], absolute=1e-4)  # f32 state under an offset of 9.8
    yield Case("derive_all", stream(31, 40), derives=[
        (MAGNITUDE, (0, 1, 2), (), 0, 0), (MAGNITUDE, (0, 2), (), 0, 0),
        (ALONG, (0, 1, 2), (0, 1, 2), 0.02, 0), (ACROSS, (0, 1, 2), (0, 1, 2), 0.02, 0),
        (DIRECTION, (), (0, 1, 2), 0.05, 2), (DIRECTION, (), (0, 1), 0.3, 1),
        (DIFFERENCE, (3,), (), 0, 0), (ABSOLUTE, (8,), (), 0, 0),
        (ALONG, (2, 3), (0, 1), 0.5, 0)])
    yield Case("derive_of_nothing", [(10_000 * i, -1, [0, 0, 0]) for i in range(3)], derives=[
        (ALONG, (0, 1, 2), (0, 1, 2), 0.1, 0), (DIRECTION, (), (0, 1, 2), 0.1, 0)])
    yield Case("window_hop_beyond", stream(32, 30, labels=(0, 1, 2)), window=4, hop=7)
    yield Case("window_context", stream(33, 24, sources=1), sources=1, window=5, hop=3, context=4)
    yield Case("label_votes", [(i, label, [0.5 * i]) for i, label in
                               enumerate([2, 1, 1, 2, -1, -1, 3, 3, 7, 7, 7, -1])],
               sources=1, window=4, hop=2)


HAR = [(MAGNITUDE, (0, 1, 2), (), 0, 0), (MAGNITUDE, (3, 4, 5), (), 0, 0),
       (ALONG, (0, 1, 2), (0, 1, 2), 0.02, 0), (ACROSS, (0, 1, 2), (0, 1, 2), 0.02, 0),
       (ALONG, (3, 4, 5), (0, 1, 2), 0.02, 0), (ACROSS, (3, 4, 5), (0, 1, 2), 0.02, 0),
       (DIRECTION, (), (0, 1, 2), 0.05, 0), (DIRECTION, (), (0, 1, 2), 0.05, 1),
       (DIRECTION, (), (0, 1, 2), 0.05, 2), (ABSOLUTE, (12,), (), 0, 0), (ABSOLUTE, (13,), (), 0, 0),
       (ABSOLUTE, (14,), (), 0, 0)]


def whole_cases():
    bands = [(0, 4), (4, 12), (12, 30), (30, 60)]
    for index, name in enumerate(NAMES[:-1]):
        yield Case(f"feature_{name}", stream(40 + index, 33, sources=2), sources=2, window=17,
                   hop=8, features=1 << index)
    yield Case("bands_linear", stream(60, 60, sources=2), sources=2, window=40, hop=20,
               features=bits("bands"), bands=bands)
    yield Case("bands_log", stream(61, 60, sources=2), sources=2, window=30, hop=15,
               features=bits("mean", "bands"), bands=bands, log=True, absolute=2e-4)
    yield Case("all_features_frames", stream(62, 90, sources=2, labels=(0, 1)), sources=2,
               window=24, hop=12, context=24, frames=4, features=ALL, bands=[(0, 20), (20, 51)],
               log=True, absolute=3e-4, relative=1e-4)
    yield Case("all_features_odd_frames", stream(63, 60, sources=1), sources=1, window=20, hop=7,
               context=10, frames=2, features=ALL & ~bits("bands"), absolute=1e-4)
    constant = [(10_000 * i, 0, [0.1, -3.7]) for i in range(40)]
    yield Case("constant", constant, sources=2, window=20, hop=10, features=ALL,
               bands=[(0, 25)], half=3, filters=[(LOWPASS, 10, 0.7071, 1)], use=[0],
               absolute=1e-6)
    yield Case("min_valid", stream(64, 80, missing=0.25), window=10, hop=5, fill=1, min_valid=0.85,
               features=bits("mean", "std"), derives=[(MAGNITUDE, (0, 1), (), 0, 0)], use=[3, 2])
    yield Case("activity", stream(65, 230, sources=6, labels=(4, 4, 5), decimals=2), sources=6,
               derives=HAR, use=[6, 7, 8, 9, 10, 11, 15, 16, 17], window=50, hop=25, context=100,
               frames=6, features=bits("mean", "std", "min", "max"))
    rows = with_gap(stream(66, 260, jitter=6000, spikes=0.02, missing=0.03, labels=(0, 1, 2, 1)),
                    130, 900_000)
    yield Case("everything", rows, resample=True, gap=0.5, fill=3, half=5,
               filters=[(LOWPASS, 20, 0.7071, 0), (HIGHPASS, 1, 0.7071, 1), (NOTCH, 25, 3, 2)],
               derives=[(MAGNITUDE, (0, 1, 2), (), 0, 0), (ALONG, (0, 1, 2), (0, 1, 2), 0.1, 0),
                        (DIFFERENCE, (3,), (), 0, 0)],
               use=[5, 3, 0, 4], window=50, hop=25, frames=1, min_valid=0.6, features=ALL,
               bands=[(1, 5), (5, 12), (12, 25), (25, 50)], log=True, absolute=1e-3, relative=1e-4)


def text():
    head = "# Written by tests/vectors/signal_vectors.py, which says what the lines mean.\n"
    return head + "\n".join(written(case) for case in [*stage_cases(), *whole_cases()]) + "\n"


def same(left, right):
    """Word by word; numbers to a billionth, or a millionth of themselves."""
    if left == right:
        return True
    try:
        return math.isclose(float(left), float(right), rel_tol=1e-6, abs_tol=1e-9)
    except ValueError:
        return False


def differing(committed, fresh):
    """The first line that differs, from 1; None if none does."""
    old, new = committed.splitlines(), fresh.splitlines()
    for number, (left, right) in enumerate(zip(old, new), 1):
        words = left.split(), right.split()
        if len(words[0]) != len(words[1]) or not all(map(same, *words)):
            return number
    return None if len(old) == len(new) else min(len(old), len(new)) + 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="compare with the committed file")
    if not parser.parse_args().check:
        TARGET.write_text(text(), encoding="ascii")
        return 0
    line = differing(TARGET.read_text(encoding="ascii"), text())
    if line is None:
        return 0
    print(f"{TARGET.name}:{line}: not what signal_vectors.py writes; run it and look", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
