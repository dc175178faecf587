#include "edge/types/detector.h"

void edge_detector_deinit(edge_detector *detector) {
    trib_hotelling_destroy(detector->hotelling);
    *detector = (edge_detector){0};
}
