/* Durbin's recursion for a Toeplitz system. */
#include "kernel.h"
enum { SMALL = 30, LARGE = 6000, ROUNDS = 4 };
static double r[LARGE], y[LARGE], z[LARGE];

static void run(int n) {
    for (int i = 0; i < n; i++)
        r[i] = next_number() / (i + 1);
    y[0] = -r[0];
    double beta = 1, alpha = -r[0];
    for (int k = 1; k < n; k++) {
        beta = (1 - alpha * alpha) * beta;
        double sum = 0;
        for (int i = 0; i < k; i++)
            sum += r[k - i - 1] * y[i];
        alpha = -(r[k] + sum) / beta;
        for (int i = 0; i < k; i++)
            z[i] = y[i] + alpha * y[k - i - 1];
        for (int i = 0; i < k; i++)
            y[i] = z[i];
        y[k] = alpha;
    }
    hash_bytes(y, n * sizeof y[0]);
}
KERNEL
