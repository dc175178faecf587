#include "common/nn/loss.h"

#include <math.h>

static float largest_of(size_t count, const float *values) {
    float largest = values[0];
    for (size_t i = 1; i < count; i++) {
        largest = values[i] > largest ? values[i] : largest;
    }
    return largest;
}

void trib_softmax(size_t count, const float *logits, float *ret_probabilities) {
    float largest = largest_of(count, logits);
    float sum = 0.0f;
    for (size_t i = 0; i < count; i++) {
        ret_probabilities[i] = expf(logits[i] - largest);
        sum += ret_probabilities[i];
    }
    float factor = 1.0f / sum;
    for (size_t i = 0; i < count; i++) {
        ret_probabilities[i] *= factor;
    }
}

float trib_loss_cross_entropy(size_t batch, size_t classes, const float *logits,
                              const int32_t *labels, float *ret_gradient) {
    float share = 1.0f / (float)batch;
    float loss = 0.0f;
    for (size_t b = 0; b < batch; b++) {
        const float *row = logits + b * classes;
        size_t label = (size_t)labels[b];
        float largest = largest_of(classes, row);
        float right = row[label] - largest; /* read before the gradient may overwrite it */
        float sum = 0.0f;
        for (size_t i = 0; i < classes; i++) {
            float e = expf(row[i] - largest);
            sum += e;
            if (ret_gradient != NULL) {
                ret_gradient[b * classes + i] = e;
            }
        }
        loss += logf(sum) - right;
        if (ret_gradient != NULL) {
            float *gradient = ret_gradient + b * classes;
            float factor = share / sum;
            for (size_t i = 0; i < classes; i++) {
                gradient[i] *= factor;
            }
            gradient[label] -= share;
        }
    }
    return loss * share;
}

float trib_loss_squared(size_t batch, size_t outputs, const float *y, const float *targets,
                        float *ret_gradient) {
    float share = 1.0f / ((float)batch * (float)outputs);
    float loss = 0.0f;
    for (size_t b = 0; b < batch; b++) {
        float sum = 0.0f; /* one a row, so that long batches do not lose small terms */
        for (size_t i = b * outputs; i < (b + 1) * outputs; i++) {
            float difference = y[i] - targets[i];
            sum += difference * difference;
            if (ret_gradient != NULL) {
                ret_gradient[i] = 2.0f * share * difference;
            }
        }
        loss += sum;
    }
    return loss * share;
}
