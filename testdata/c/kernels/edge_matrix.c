/* Edge: a product, an elimination and a stencil over numbers of which some are NaN or infinite. */
#include "kernel.h"
enum { SMALL = 8, LARGE = 150, ROUNDS = 1 };
static double a[LARGE][LARGE], b[LARGE][LARGE], c[LARGE][LARGE];
static float f[LARGE][LARGE];

static void run(int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double x = next_number();
            a[i][j] = x < 0.02 ? INFINITY : x < 0.04 ? -INFINITY : x < 0.3 ? 0 : x;
            b[i][j] = x > 0.97 ? INFINITY : x > 0.7 ? 0 : x - 0.5;
        }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            for (int k = 0; k < n; k++)
                c[i][j] += a[i][k] * b[k][j];
    for (int i = 0; i < n; i++)
        hash_bytes(c[i], n * sizeof c[i][0]);
    for (int k = 0; k < n; k++)
        for (int i = k + 1; i < n; i++)
            for (int j = k; j < n; j++)
                b[i][j] -= b[i][k] / b[k][k] * b[k][j];
    for (int i = 0; i < n; i++)
        hash_bytes(b[i], n * sizeof b[i][0]);
    for (int i = 1; i < n - 1; i++)
        for (int j = 1; j < n - 1; j++)
            f[i][j] = -(float)(a[i - 1][j] - a[i + 1][j]) * (float)c[i][j - 1];
    for (int i = 0; i < n; i++)
        hash_bytes(f[i], n * sizeof f[i][0]);
}
KERNEL
