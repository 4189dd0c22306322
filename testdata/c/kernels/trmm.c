/* b = alpha * transposed a * b, a triangular with ones on its diagonal. */
#include "kernel.h"
enum { SMALL = 11, LARGE = 420, ROUNDS = 4 };
static double a[LARGE][LARGE], b[LARGE][LARGE];

static void run(int n) {
    fill(&a[0][0], sizeof a / 8);
    fill(&b[0][0], sizeof b / 8);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            for (int k = i + 1; k < n; k++)
                b[i][j] += a[k][i] * b[k][j];
            b[i][j] = 1.5 * b[i][j];
        }
    for (int i = 0; i < n; i++)
        hash_bytes(b[i], n * sizeof b[i][0]);
}
KERNEL
