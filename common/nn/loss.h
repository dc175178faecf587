/* Losses over a batch, and their gradients.
 *
 * The loss is a mean over the batch, so gradients carry 1 / batch.
 *
 * threads  pure
 */
#ifndef TRIB_NN_LOSS_H
#define TRIB_NN_LOSS_H

#include <stddef.h>
#include <stdint.h>

/* Probabilities from logits, shifted by the largest so that nothing overflows. In place is fine.
 * NaN in, NaN out. */
void trib_softmax(size_t count, const float *logits, float *ret_probabilities);

/* Mean of -log softmax(logits)[label].
 * shapes   logits [batch, classes]  labels [batch], each in [0, classes)
 *          ret_gradient [batch, classes], may be logits itself, or NULL */
float trib_loss_cross_entropy(size_t batch, size_t classes, const float *logits,
                              const int32_t *labels, float *ret_gradient);

/* Mean over batch and outputs of (y - target)^2.
 * shapes   all [batch, outputs]; ret_gradient may be y itself, or NULL */
float trib_loss_squared(size_t batch, size_t outputs, const float *y, const float *targets,
                        float *ret_gradient);

#endif
