/* Edge: sorting with NaNs of both signs among the numbers, by `<` and by total order; minima and maxima. */
#include "kernel.h"
enum { SMALL = 60, LARGE = 100000, ROUNDS = 1 };
static double by_less[LARGE], by_bits[LARGE];

static int less(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : (x != x) - (y != y);
}

static int total(const void *a, const void *b) {
    int64_t x, y;
    memcpy(&x, a, 8), memcpy(&y, b, 8);
    x ^= (int64_t)((uint64_t)(x >> 63) >> 1), y ^= (int64_t)((uint64_t)(y >> 63) >> 1);
    return x < y ? -1 : x > y;
}

static void run(int n) {
    for (int i = 0; i < n; i++) {
        double x = next_number() - 0.5;
        by_less[i] = by_bits[i] = i % 4 == 0 ? sqrt(x) : i % 9 == 0 ? x / 0 - x / 0 : x;
    }
    qsort(by_less, n, sizeof by_less[0], less);
    qsort(by_bits, n, sizeof by_bits[0], total);
    double low = INFINITY, high = -INFINITY, least = 1, most = -1;
    for (int i = 0; i < n; i++) {
        low = fmin(low, by_bits[i]), high = fmax(high, by_bits[i]);
        least = __builtin_fmin(by_less[i], least) + 0, most = by_less[i] > most ? by_less[i] : most - 0 * by_bits[i];
    }
    HASH(low), HASH(high), HASH(least), HASH(most);
    hash_bytes(by_less, n * sizeof by_less[0]);
    hash_bytes(by_bits, n * sizeof by_bits[0]);
}
KERNEL
