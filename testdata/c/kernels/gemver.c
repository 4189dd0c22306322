/* Two outer products added to a, then two products of it with vectors. */
#include "kernel.h"
enum { SMALL = 12, LARGE = 800, ROUNDS = 2, REPEAT = 30 };
static double a[LARGE][LARGE], u1[LARGE], v1[LARGE], u2[LARGE], v2[LARGE], x[LARGE], y[LARGE], z[LARGE], w[LARGE];

static void run(int n) {
    fill(&a[0][0], sizeof a / 8);
    fill(u1, LARGE), fill(v1, LARGE), fill(u2, LARGE), fill(v2, LARGE), fill(y, LARGE), fill(z, LARGE);
    for (int again = 0; again < (n == LARGE ? REPEAT : 2); again++) {
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                a[i][j] = a[i][j] + u1[i] * v1[j] + u2[i] * v2[j];
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                x[i] = x[i] + 1.2 * a[j][i] * y[j];
        for (int i = 0; i < n; i++)
            x[i] = (x[i] + z[i]) / n;
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                w[i] = w[i] + 1.5 * a[i][j] * x[j];
    }
    hash_bytes(w, n * sizeof w[0]);
}
KERNEL
