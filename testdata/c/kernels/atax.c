/* y = transposed a * (a * x), again and again. */
#include "kernel.h"
enum { SMALL = 12, LARGE = 900, ROUNDS = 2, REPEAT = 60 };
static double a[LARGE][LARGE], x[LARGE], y[LARGE], t[LARGE];

static void run(int n) {
    fill(&a[0][0], sizeof a / 8);
    fill(x, LARGE);
    for (int r = 0; r < (n == LARGE ? REPEAT : 2); r++) {
        for (int i = 0; i < n; i++)
            y[i] = 0;
        for (int i = 0; i < n; i++) {
            t[i] = 0;
            for (int j = 0; j < n; j++)
                t[i] += a[i][j] * x[j];
            for (int j = 0; j < n; j++)
                y[j] += a[i][j] * t[i];
        }
        for (int i = 0; i < n; i++)
            x[i] = y[i] / (n * n);
    }
    hash_bytes(y, n * sizeof y[0]);
}
KERNEL
