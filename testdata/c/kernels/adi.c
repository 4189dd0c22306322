/* Alternating directions: a tridiagonal solve along every row, then along every column. */
#include "kernel.h"
enum { SMALL = 10, LARGE = 260, ROUNDS = 3, STEPS = 25 };
static double u[LARGE][LARGE], v[LARGE][LARGE], p[LARGE][LARGE], q[LARGE][LARGE];

static void run(int n) {
    const int steps = n == LARGE ? STEPS : 3;
    const double m = 2.0 * n * n / steps, a = -m / 2, b = 1 + m, c = a;
    fill(&u[0][0], sizeof u / 8);
    for (int t = 0; t < steps; t++) {
        for (int i = 1; i < n - 1; i++) {
            v[0][i] = 1, p[i][0] = 0, q[i][0] = v[0][i];
            for (int j = 1; j < n - 1; j++) {
                p[i][j] = -c / (a * p[i][j - 1] + b);
                q[i][j] = (-a * u[j][i - 1] + (1 + 2 * a) * u[j][i] - c * u[j][i + 1] - a * q[i][j - 1]) /
                          (a * p[i][j - 1] + b);
            }
            v[n - 1][i] = 1;
            for (int j = n - 2; j >= 1; j--)
                v[j][i] = p[i][j] * v[j + 1][i] + q[i][j];
        }
        for (int i = 1; i < n - 1; i++) {
            u[i][0] = 1, p[i][0] = 0, q[i][0] = u[i][0];
            for (int j = 1; j < n - 1; j++) {
                p[i][j] = -c / (a * p[i][j - 1] + b);
                q[i][j] = (-a * v[i - 1][j] + (1 + 2 * a) * v[i][j] - c * v[i + 1][j] - a * q[i][j - 1]) /
                          (a * p[i][j - 1] + b);
            }
            u[i][n - 1] = 1;
            for (int j = n - 2; j >= 1; j--)
                u[i][j] = p[i][j] * u[i][j + 1] + q[i][j];
        }
    }
    for (int i = 0; i < n; i++)
        hash_bytes(u[i], n * sizeof u[i][0]);
}
KERNEL
