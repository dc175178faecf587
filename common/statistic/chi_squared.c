#include "common/statistic/chi_squared.h"

#include <math.h>

#include "common/base/status.h"

enum { MOST_TERMS = 100000 };

static double by_series(double a, double x) {
    double term = 1.0 / a, sum = term;
    for (int n = 1; n < MOST_TERMS && term > sum * 1e-17; n++) {
        term *= x / (a + n);
        sum += term;
    }
    return sum * exp(a * log(x) - x - lgamma(a));
}

/* Q(a, x), the upper part. */
static double by_fraction(double a, double x) {
    const double tiny = 1e-300;
    double b = x + 1.0 - a, c = 1.0 / tiny, d = 1.0 / b, product = d;
    for (int n = 1; n < MOST_TERMS; n++) {
        double numerator = -n * (n - a);
        b += 2.0;
        d = numerator * d + b;
        d = 1.0 / (fabs(d) < tiny ? tiny : d);
        c = b + numerator / c;
        c = fabs(c) < tiny ? tiny : c;
        double step = c * d;
        product *= step;
        if (fabs(step - 1.0) < 1e-16) {
            break;
        }
    }
    return product * exp(a * log(x) - x - lgamma(a));
}

double trib_gamma_p(double a, double x) {
    TRIB_ASSERT(a > 0 && x >= 0);
    if (x == 0) {
        return 0;
    }
    return x < a + 1.0 ? by_series(a, x) : 1.0 - by_fraction(a, x);
}

double trib_chi_squared_quantile(double probability, double degrees) {
    TRIB_ASSERT(probability > 0 && probability < 1 && degrees >= 1);
    double low = 0, high = degrees;
    while (trib_gamma_p(degrees / 2, high / 2) < probability) {
        low = high;
        high *= 2;
    }
    for (int i = 0; i < 200 && high - low > 1e-13 * high; i++) {
        double middle = low + (high - low) / 2;
        if (trib_gamma_p(degrees / 2, middle / 2) < probability) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low + (high - low) / 2;
}
