/* A small federation, for the targets that need one and for their seeds. */
#ifndef TESTS_FUZZ_DOCUMENT_H
#define TESTS_FUZZ_DOCUMENT_H

static const char fuzz_document[] =
    "federation: f\nsource: {rate_hz: 10, timestamp: {column: t, unit: ms}, channels: [a, b],"
    " label: {column: s, classes: [x, y]}}\n"
    "pipeline: {resample: {rate_hz: 10, max_gap_s: 1}, fill_rows: 2, hampel: {half_window: 2},"
    " window: {rows: 4, hop: 2}, features: [mean, std, bands], bands: {hz: [[1, 4]]}}\n"
    "model: {task: classify, layers: [{kind: dense, units: 2}]}\n"
    "training: {epochs: 1, batch: 1, optimiser: sgd, rate: 0.1}\n"
    "rounds: {maximum: 1, quorum: 1, gateways: 1, deadline_s: 10}\n"
    "strategy: {kind: fedavg}\nupdate: {codec: float32, clip_norm: 1}\n";

#endif
