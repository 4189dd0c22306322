/* Edge: Fourier's transform of numbers with an infinity among them: from then on NaNs. */
#include "kernel.h"
enum { SMALL = 32, LARGE = 16384, ROUNDS = 1 };
static float re[LARGE], im[LARGE];

static void run(int n) {
    for (int i = 0; i < n; i++)
        re[i] = (float)next_number(), im[i] = 0;
    re[n / 3] = INFINITY;
    for (int length = 2; length <= n; length <<= 1) {
        double angle = -2 * M_PI / length;
        for (int i = 0; i < n; i += length)
            for (int k = 0; k < length / 2; k++) {
                float c = (float)cos(angle * k), s = (float)sin(angle * k), *p = &re[i + k], *q = &im[i + k];
                float x = p[length / 2] * c - q[length / 2] * s, y = p[length / 2] * s + q[length / 2] * c;
                p[length / 2] = *p - x, q[length / 2] = *q - y, *p += x, *q += y;
            }
    }
    hash_bytes(re, n * sizeof re[0]);
    hash_bytes(im, n * sizeof im[0]);
}
KERNEL
