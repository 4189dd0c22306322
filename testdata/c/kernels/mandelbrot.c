/* How long points of the plane stay near, and where they are when they leave. */
#include "kernel.h"
enum { SMALL = 12, LARGE = 400, ROUNDS = 5, STEPS = 200 };
static double left[LARGE][LARGE];

static void run(int n) {
    for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++) {
            double cr = 3.0 * x / n - 2.2, ci = 2.4 * y / n - 1.2, r = 0, i = 0;
            int steps = 0;
            for (; steps < STEPS && r * r + i * i < 16; steps++) {
                double t = r * r - i * i + cr;
                i = 2 * r * i + ci, r = t;
            }
            left[y][x] = steps + (r * r + i * i) / 1024;
        }
    for (int y = 0; y < n; y++)
        hash_bytes(left[y], n * sizeof left[y][0]);
}
KERNEL
