/* y = alpha * a * x + beta * b * x, in single precision. */
#include "kernel.h"
enum { SMALL = 12, LARGE = 800, ROUNDS = 3, REPEAT = 60 };
static float a[LARGE][LARGE], b[LARGE][LARGE], x[LARGE], y[LARGE];

static void run(int n) {
    for (int i = 0; i < LARGE; i++) {
        x[i] = (float)next_number();
        for (int j = 0; j < LARGE; j++)
            a[i][j] = (float)next_number(), b[i][j] = (float)next_number();
    }
    for (int again = 0; again < (n == LARGE ? REPEAT : 2); again++) {
        for (int i = 0; i < n; i++) {
            float s = 0, t = 0;
            for (int j = 0; j < n; j++) {
                s = a[i][j] * x[j] + s;
                t = b[i][j] * x[j] + t;
            }
            y[i] = 1.5f * s + 1.2f * t;
        }
        for (int i = 0; i < n; i++)
            x[i] = y[i] / n;
    }
    hash_bytes(y, n * sizeof y[0]);
}
KERNEL
