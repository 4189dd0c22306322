/* A three-point stencil in one dimension. */
#include "kernel.h"
enum { SMALL = 40, LARGE = 20000, ROUNDS = 3, STEPS = 1500 };
static double a[LARGE], b[LARGE];

static void run(int n) {
    fill(a, LARGE);
    fill(b, LARGE);
    for (int t = 0; t < (n == LARGE ? STEPS : 5); t++) {
        for (int i = 1; i < n - 1; i++)
            b[i] = 0.33333 * (a[i - 1] + a[i] + a[i + 1]);
        for (int i = 1; i < n - 1; i++)
            a[i] = 0.33333 * (b[i - 1] + b[i] + b[i + 1]);
    }
    hash_bytes(a, n * sizeof a[0]);
}
KERNEL
