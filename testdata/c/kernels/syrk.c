/* The lower half of c = alpha * a * transposed a + beta * c. */
#include "kernel.h"
enum { SMALL = 11, LARGE = 420, ROUNDS = 4 };
static double a[LARGE][LARGE], c[LARGE][LARGE];

static void run(int n) {
    fill(&a[0][0], sizeof a / 8);
    fill(&c[0][0], sizeof c / 8);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++)
            c[i][j] *= 1.2;
        for (int k = 0; k < n; k++)
            for (int j = 0; j <= i; j++)
                c[i][j] += 1.5 * a[i][k] * a[j][k];
    }
    for (int i = 0; i < n; i++)
        hash_bytes(c[i], n * sizeof c[i][0]);
}
KERNEL
