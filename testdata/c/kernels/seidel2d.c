/* A nine-point stencil that reads what it has just written. */
#include "kernel.h"
enum { SMALL = 12, LARGE = 300, ROUNDS = 5, STEPS = 30 };
static double a[LARGE][LARGE];

static void run(int n) {
    fill(&a[0][0], sizeof a / 8);
    for (int t = 0; t < (n == LARGE ? STEPS : 3); t++)
        for (int i = 1; i < n - 1; i++)
            for (int j = 1; j < n - 1; j++)
                a[i][j] = (a[i - 1][j - 1] + a[i - 1][j] + a[i - 1][j + 1] + a[i][j - 1] + a[i][j] + a[i][j + 1] +
                           a[i + 1][j - 1] + a[i + 1][j] + a[i + 1][j + 1]) /
                          9.0;
    for (int i = 0; i < n; i++)
        hash_bytes(a[i], n * sizeof a[i][0]);
}
KERNEL
