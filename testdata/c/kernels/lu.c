/* Decomposition of a matrix into two triangles, in place. */
#include "kernel.h"
enum { SMALL = 12, LARGE = 440, ROUNDS = 5 };
static double a[LARGE][LARGE];

static void run(int n) {
    fill(&a[0][0], sizeof a / 8);
    for (int i = 0; i < n; i++)
        a[i][i] += n;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < j; k++)
                a[i][j] -= a[i][k] * a[k][j];
            a[i][j] /= a[j][j];
        }
        for (int j = i; j < n; j++)
            for (int k = 0; k < i; k++)
                a[i][j] -= a[i][k] * a[k][j];
    }
    for (int i = 0; i < n; i++)
        hash_bytes(a[i], n * sizeof a[i][0]);
}
KERNEL
