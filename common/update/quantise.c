/* Compiled with -O3 so that values become vectors: a gateway's update has as many draws as
 * parameters. */
#include "common/update/quantise.h"

#include <math.h>
#include <string.h>

#include "common/base/vectorise.h"

TRIB_CLONES
static float quantise_largest(const float *values, uint32_t count) {
    float largest[TRIB_NORM_LANES] = {0};
    uint32_t i = 0;
    for (; i + TRIB_NORM_LANES <= count; i += TRIB_NORM_LANES) {
        for (uint32_t lane = 0; lane < TRIB_NORM_LANES; lane++) {
            float magnitude = fabsf(values[i + lane]);
            largest[lane] = magnitude > largest[lane] ? magnitude : largest[lane];
        }
    }
    float most = 0;
    for (; i < count; i++) {
        most = fabsf(values[i]) > most ? fabsf(values[i]) : most;
    }
    for (uint32_t lane = 0; lane < TRIB_NORM_LANES; lane++) {
        most = largest[lane] > most ? largest[lane] : most;
    }
    return most;
}

/* In loops that compilers make vectors of: what is below as an integer, the draw, and bytes last.
 */
TRIB_CLONES
static void quantise_steps(const float *values, uint32_t count, float scale, const uint32_t *draws,
                           uint8_t *restrict ret_steps) {
    int32_t steps[TRIB_UPDATE_BLOCK];
    for (uint32_t i = 0; i < count; i++) {
        float exact = values[i] / scale; /* within 127 and a rounding */
        int32_t below = (int32_t)exact;
        below -= (float)below > exact ? 1 : 0;
        float uniform = (float)(int32_t)(draws[i] >> 8) * 0x1p-24f; /* as trib_random_uniform */
        int32_t step = below + (uniform < exact - (float)below ? 1 : 0);
        step = step > 127 ? 127 : step;
        steps[i] = step < -127 ? -127 : step;
    }
    for (uint32_t i = 0; i < count; i++) {
        ret_steps[i] = (uint8_t)steps[i];
    }
}

void trib_quantise_block(const float *values, uint32_t count, trib_random *random, float *ret_scale,
                         uint8_t *ret_steps) {
    float scale = quantise_largest(values, count) / 127.0f;
    if (scale < 0x1p-120f) { /* so small that steps would be subnormal: nothing to say */
        *ret_scale = 0;
        memset(ret_steps, 0, count);
        return;
    }
    uint32_t draws[TRIB_UPDATE_BLOCK];
    trib_random_fill(random, draws, count);
    quantise_steps(values, count, scale, draws, ret_steps);
    *ret_scale = scale;
}

TRIB_CLONES
static void quantise_add_squares(const float *values, uint32_t count, double *restrict norm) {
    double lanes[TRIB_NORM_LANES] = {0};
    uint32_t i = 0;
    for (; i + TRIB_NORM_LANES <= count; i += TRIB_NORM_LANES) {
        for (uint32_t lane = 0; lane < TRIB_NORM_LANES; lane++) {
            double x = (double)values[i + lane];
            lanes[lane] += x * x;
        }
    }
    for (uint32_t lane = 0; i < count; i++, lane++) {
        lanes[lane] += (double)values[i] * (double)values[i];
    }
    memcpy(norm, lanes, sizeof lanes);
}

double trib_quantise_squared(const float *values, uint32_t count) {
    trib_norm norm;
    quantise_add_squares(values, count, norm.lanes);
    return trib_norm_squared(&norm);
}
