/* d = alpha * a * b * c + beta * d, by inner products. */
#include "kernel.h"
enum { SMALL = 9, LARGE = 300, ROUNDS = 3 };
static double a[LARGE][LARGE], b[LARGE][LARGE], c[LARGE][LARGE], d[LARGE][LARGE], t[LARGE][LARGE];

static void run(int n) {
    fill(&a[0][0], sizeof a / 8);
    fill(&b[0][0], sizeof b / 8);
    fill(&c[0][0], sizeof c / 8);
    fill(&d[0][0], sizeof d / 8);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            t[i][j] = 0;
            for (int k = 0; k < n; k++)
                t[i][j] += 1.5 * a[i][k] * b[k][j];
        }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            d[i][j] *= 1.2;
            for (int k = 0; k < n; k++)
                d[i][j] += t[i][k] * c[k][j];
        }
    for (int i = 0; i < n; i++)
        hash_bytes(d[i], n * sizeof d[i][0]);
}
KERNEL
