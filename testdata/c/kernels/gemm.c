/* c = alpha * a * b + beta * c. */
#include "kernel.h"
enum { SMALL = 10, LARGE = 360, ROUNDS = 4 };
static double a[LARGE][LARGE], b[LARGE][LARGE], c[LARGE][LARGE];

static void run(int n) {
    fill(&a[0][0], sizeof a / 8);
    fill(&b[0][0], sizeof b / 8);
    fill(&c[0][0], sizeof c / 8);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            c[i][j] *= 1.2;
        for (int k = 0; k < n; k++)
            for (int j = 0; j < n; j++)
                c[i][j] += 1.5 * a[i][k] * b[k][j];
    }
    for (int i = 0; i < n; i++)
        hash_bytes(c[i], n * sizeof c[i][0]);
}
KERNEL
