/* Electric and magnetic fields in the plane, by finite differences in time. */
#include "kernel.h"
enum { SMALL = 10, LARGE = 360, ROUNDS = 3, STEPS = 100 };
static double ex[LARGE][LARGE], ey[LARGE][LARGE], hz[LARGE][LARGE];

static void run(int n) {
    fill(&ex[0][0], sizeof ex / 8);
    fill(&ey[0][0], sizeof ey / 8);
    fill(&hz[0][0], sizeof hz / 8);
    for (int t = 0; t < (n == LARGE ? STEPS : 3); t++) {
        for (int j = 0; j < n; j++)
            ey[0][j] = t;
        for (int i = 1; i < n; i++)
            for (int j = 0; j < n; j++)
                ey[i][j] = ey[i][j] - 0.5 * (hz[i][j] - hz[i - 1][j]);
        for (int i = 0; i < n; i++)
            for (int j = 1; j < n; j++)
                ex[i][j] = ex[i][j] - 0.5 * (hz[i][j] - hz[i][j - 1]);
        for (int i = 0; i < n - 1; i++)
            for (int j = 0; j < n - 1; j++)
                hz[i][j] = hz[i][j] - 0.7 * (ex[i][j + 1] - ex[i][j] + ey[i + 1][j] - ey[i][j]);
    }
    for (int i = 0; i < n; i++)
        hash_bytes(hz[i], n * sizeof hz[i][0]);
}
KERNEL
