/* The square root of a symmetric matrix: a triangle. */
#include "kernel.h"
enum { SMALL = 12, LARGE = 560, ROUNDS = 5 };
static double a[LARGE][LARGE];

static void run(int n) {
    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++)
            a[i][j] = a[j][i] = next_number();
        a[i][i] += n;
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < j; k++)
                a[i][j] -= a[i][k] * a[j][k];
            a[i][j] /= a[j][j];
        }
        for (int k = 0; k < i; k++)
            a[i][i] -= a[i][k] * a[i][k];
        a[i][i] = sqrt(a[i][i]);
    }
    for (int i = 0; i < n; i++)
        hash_bytes(a[i], n * sizeof a[i][0]);
}
KERNEL
