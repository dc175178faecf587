/* What training and scoring share. Private to the room. */
#ifndef TRIB_TRAIN_TRAINER_STATE_H
#define TRIB_TRAIN_TRAINER_STATE_H

#include "common/train/trainer.h"

struct trib_trainer {
    trib_model_plan model;
    trib_train_plan plan;
    trib_network network; /* its memory, and the pointers below, follow this struct */
    trib_optimiser optimiser;
    int32_t *labels; /* [batch_size]; NULL unless classes */
    float *targets;  /* [batch_size, output_count]; NULL unless values */
    bool drops;      /* the model has a dropout layer */
    uint32_t *order; /* [order_capacity], owned */
    size_t order_capacity;
};

TRIB_MUST_CHECK
trib_status trib_trainer_check_examples(const trib_trainer *trainer, const trib_examples *examples);

#endif
