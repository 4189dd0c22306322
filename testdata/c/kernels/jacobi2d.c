/* A five-point stencil in two dimensions. */
#include "kernel.h"
enum { SMALL = 12, LARGE = 400, ROUNDS = 3, STEPS = 120 };
static double a[LARGE][LARGE], b[LARGE][LARGE];

static void run(int n) {
    fill(&a[0][0], sizeof a / 8);
    fill(&b[0][0], sizeof b / 8);
    for (int t = 0; t < (n == LARGE ? STEPS : 3); t++) {
        for (int i = 1; i < n - 1; i++)
            for (int j = 1; j < n - 1; j++)
                b[i][j] = 0.2 * (a[i][j] + a[i][j - 1] + a[i][j + 1] + a[i + 1][j] + a[i - 1][j]);
        for (int i = 1; i < n - 1; i++)
            for (int j = 1; j < n - 1; j++)
                a[i][j] = 0.2 * (b[i][j] + b[i][j - 1] + b[i][j + 1] + b[i + 1][j] + b[i - 1][j]);
    }
    for (int i = 0; i < n; i++)
        hash_bytes(a[i], n * sizeof a[i][0]);
}
KERNEL
