/* x += a * y, and z += transposed a * w. */
#include "kernel.h"
enum { SMALL = 12, LARGE = 800, ROUNDS = 2, REPEAT = 40 };
static double a[LARGE][LARGE], x[LARGE], z[LARGE], y[LARGE], w[LARGE];

static void run(int n) {
    fill(&a[0][0], sizeof a / 8);
    fill(y, LARGE);
    fill(w, LARGE);
    for (int again = 0; again < (n == LARGE ? REPEAT : 2); again++) {
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                x[i] += a[i][j] * y[j];
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                z[i] += a[j][i] * w[j];
    }
    hash_bytes(x, n * sizeof x[0]);
    hash_bytes(z, n * sizeof z[0]);
}
KERNEL
