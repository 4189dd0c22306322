/* Fourier's transform of complex numbers by halves, there and back. */
#include "kernel.h"
enum { SMALL = 32, LARGE = 65536, ROUNDS = 3, REPEAT = 12 };
static double re[LARGE], im[LARGE], wre[LARGE], wim[LARGE];

static __attribute__((noinline)) void transform(int n, double sign) {
    for (int i = 1, j = 0; i < n; i++) {
        int bit = n >> 1;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            double t = re[i];
            re[i] = re[j], re[j] = t;
            t = im[i], im[i] = im[j], im[j] = t;
        }
    }
    for (int length = 2; length <= n; length <<= 1)
        for (int i = 0; i < n; i += length)
            for (int k = 0; k < length / 2; k++) {
                double c = wre[k * (n / length)], s = sign * wim[k * (n / length)];
                double x = re[i + k + length / 2] * c - im[i + k + length / 2] * s;
                double y = re[i + k + length / 2] * s + im[i + k + length / 2] * c;
                re[i + k + length / 2] = re[i + k] - x, im[i + k + length / 2] = im[i + k] - y;
                re[i + k] += x, im[i + k] += y;
            }
}

static void run(int n) {
    fill(re, n);
    for (int i = 0; i < n; i++)
        wre[i] = cos(2 * M_PI * i / n), wim[i] = sin(2 * M_PI * i / n);
    for (int again = 0; again < (n == LARGE ? REPEAT : 2); again++) {
        transform(n, -1);
        transform(n, 1);
        for (int i = 0; i < n; i++)
            re[i] /= n, im[i] /= n;
    }
    hash_bytes(re, n * sizeof re[0]);
    hash_bytes(im, n * sizeof im[0]);
}
KERNEL
