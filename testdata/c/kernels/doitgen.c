/* Every row of a cube times one matrix. */
#include "kernel.h"
enum { SMALL = 6, LARGE = 96, ROUNDS = 2 };
static double a[LARGE][LARGE][LARGE], c[LARGE][LARGE], sum[LARGE];

static void run(int n) {
    fill(&a[0][0][0], sizeof a / 8);
    fill(&c[0][0], sizeof c / 8);
    for (int r = 0; r < n; r++)
        for (int q = 0; q < n; q++) {
            for (int p = 0; p < n; p++) {
                sum[p] = 0;
                for (int s = 0; s < n; s++)
                    sum[p] += a[r][q][s] * c[s][p];
            }
            for (int p = 0; p < n; p++)
                a[r][q][p] = sum[p];
        }
    for (int r = 0; r < n; r++)
        for (int q = 0; q < n; q++)
            hash_bytes(a[r][q], n * sizeof a[r][q][0]);
}
KERNEL
