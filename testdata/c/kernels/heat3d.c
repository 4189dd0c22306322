/* Heat in a cube. */
#include "kernel.h"
enum { SMALL = 7, LARGE = 70, ROUNDS = 2, STEPS = 40 };
static double a[LARGE][LARGE][LARGE], b[LARGE][LARGE][LARGE];

static __attribute__((noinline)) void step(int n, double to[][LARGE][LARGE], double from[][LARGE][LARGE]) {
    for (int i = 1; i < n - 1; i++)
        for (int j = 1; j < n - 1; j++)
            for (int k = 1; k < n - 1; k++)
                to[i][j][k] = 0.125 * (from[i + 1][j][k] - 2.0 * from[i][j][k] + from[i - 1][j][k]) +
                              0.125 * (from[i][j + 1][k] - 2.0 * from[i][j][k] + from[i][j - 1][k]) +
                              0.125 * (from[i][j][k + 1] - 2.0 * from[i][j][k] + from[i][j][k - 1]) + from[i][j][k];
}

static void run(int n) {
    fill(&a[0][0][0], sizeof a / 8);
    memcpy(b, a, sizeof a);
    for (int t = 0; t < (n == LARGE ? STEPS : 3); t++) {
        step(n, b, a);
        step(n, a, b);
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            hash_bytes(a[i][j], n * sizeof a[i][j][0]);
}
KERNEL
