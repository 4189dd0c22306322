/* An orthogonal basis by the modified method of Gram and Schmidt. */
#include "kernel.h"
enum { SMALL = 10, LARGE = 260, ROUNDS = 7 };
static double a[LARGE][LARGE], r[LARGE][LARGE], q[LARGE][LARGE];

static void run(int n) {
    fill(&a[0][0], sizeof a / 8);
    for (int k = 0; k < n; k++) {
        double norm = 0;
        for (int i = 0; i < n; i++)
            norm += a[i][k] * a[i][k];
        r[k][k] = sqrt(norm);
        for (int i = 0; i < n; i++)
            q[i][k] = a[i][k] / r[k][k];
        for (int j = k + 1; j < n; j++) {
            r[k][j] = 0;
            for (int i = 0; i < n; i++)
                r[k][j] += q[i][k] * a[i][j];
            for (int i = 0; i < n; i++)
                a[i][j] = a[i][j] - q[i][k] * r[k][j];
        }
    }
    for (int i = 0; i < n; i++)
        hash_bytes(q[i], n * sizeof q[i][0]), hash_bytes(r[i], n * sizeof r[i][0]);
}
KERNEL
