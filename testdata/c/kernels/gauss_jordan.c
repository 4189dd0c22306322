/* Solves a system by elimination with the largest pivot. */
#include "kernel.h"
enum { SMALL = 10, LARGE = 420, ROUNDS = 5 };
static double a[LARGE][LARGE + 1];

static void run(int n) {
    for (int i = 0; i < n; i++)
        fill(a[i], n), a[i][n] = next_number();
    for (int k = 0; k < n; k++) {
        int best = k;
        for (int i = k + 1; i < n; i++)
            if (fabs(a[i][k]) > fabs(a[best][k]))
                best = i;
        for (int j = k; j <= n; j++) {
            double t = a[k][j];
            a[k][j] = a[best][j], a[best][j] = t;
        }
        for (int i = 0; i < n; i++) {
            if (i == k)
                continue;
            double factor = a[i][k] / a[k][k];
            for (int j = k; j <= n; j++)
                a[i][j] -= factor * a[k][j];
        }
    }
    for (int i = 0; i < n; i++) {
        double x = a[i][n] / a[i][i];
        HASH(x);
    }
}
KERNEL
