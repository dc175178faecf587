#include "common/signal/spectrum.h"

#include <math.h>

#include <kiss_fftr.h>

bool trib_spectrum_can(uint32_t rows) {
    if (rows < 4 || rows % 2 != 0) {
        return false;
    }
    uint32_t left = rows / 2;
    for (uint32_t factor = 2; factor <= 5; factor++) {
        while (left % factor == 0) {
            left /= factor;
        }
    }
    return left == 1; /* for other factors kissfft allocates in every transform */
}

trib_band trib_spectrum_band(const trib_band_spec *band, float rate_hz, uint32_t rows) {
    trib_band found = {0, 0};
    for (uint32_t bin = 0; bin <= rows / 2; bin++) {
        double frequency = (double)bin * (double)rate_hz / (double)rows;
        found.first_bin += frequency < (double)band->low_hz;
        found.end_bin += frequency < (double)band->high_hz;
    }
    return found;
}

static size_t plan_bytes(uint32_t rows) {
    size_t bytes = 0;
    (void)kiss_fftr_alloc((int)rows, 0, NULL, &bytes); /* only says how much */
    return bytes;
}

size_t trib_spectrum_bytes(uint32_t rows) {
    return trib_arena_room(1, plan_bytes(rows)) +
           trib_arena_room(rows / 2 + 1, sizeof(kiss_fft_cpx)) +
           2 * trib_arena_room(rows, sizeof(float));
}

trib_status trib_spectrum_init(trib_spectrum *spectrum, const trib_pipeline_spec *spec,
                               uint32_t rows, trib_arena *arena) {
    size_t bytes = plan_bytes(rows);
    void *memory = trib_arena_take(arena, 1, bytes);
    trib_spectrum made = {
        .rows = rows,
        .band_count = spec->band_count,
        .log = spec->band_log,
        .bins = trib_arena_take(arena, rows / 2 + 1, sizeof(kiss_fft_cpx)),
        .hann = trib_arena_take(arena, rows, sizeof(float)),
        .windowed = trib_arena_take(arena, rows, sizeof(float)),
    };
    if (!memory || !made.bins || !made.hann || !made.windowed) {
        return TRIB_FAIL(TRIB_E_LIMIT, "no room for the spectrum of %u rows", (unsigned)rows);
    }
    made.plan = kiss_fftr_alloc((int)rows, 0, memory, &bytes);
    if (!made.plan) {
        return TRIB_FAIL(TRIB_E_INTERNAL, "kissfft has no plan for %u rows", (unsigned)rows);
    }
    for (uint32_t b = 0; b < spec->band_count; b++) {
        made.bands[b] = trib_spectrum_band(&spec->bands[b], spec->rate_hz, rows);
    }
    const double step = 6.283185307179586 / (double)rows;
    for (uint32_t i = 0; i < rows; i++) {
        /* the sum of 0.5 - 0.5 cos over a period is rows / 2 */
        made.hann[i] = (float)((1.0 - cos(step * (double)i)) / (double)rows);
    }
    *spectrum = made;
    return TRIB_SUCCESS;
}

void trib_spectrum_powers(trib_spectrum *spectrum, const float *frame, float mean,
                          float *ret_powers) {
    kiss_fft_cpx *bins = spectrum->bins;
    for (uint32_t i = 0; i < spectrum->rows; i++) {
        spectrum->windowed[i] = (frame[i] - mean) * spectrum->hann[i];
    }
    kiss_fftr(spectrum->plan, spectrum->windowed, bins);
    for (uint32_t b = 0; b < spectrum->band_count; b++) {
        trib_band band = spectrum->bands[b];
        float sum = 0.0f;
        for (uint32_t k = band.first_bin; k < band.end_bin; k++) {
            float power = bins[k].r * bins[k].r + bins[k].i * bins[k].i;
            sum += k == 0 || k == spectrum->rows / 2 ? power : 2.0f * power;
        }
        float mean_power = sum / (float)(band.end_bin - band.first_bin);
        ret_powers[b] = spectrum->log ? logf(mean_power + 1e-12f) : mean_power;
    }
}
