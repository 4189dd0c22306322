/* Edge: every operator on every pair of awkward numbers, and what becomes of the NaNs' bits. */
#include "kernel.h"
enum { SMALL = 1, LARGE = 2000, ROUNDS = 1 };
static double numbers[] = {0.0, -0.0, 1, -1, 1.5, -2.25, INFINITY, -INFINITY, 0x1p-1074, -0x1p-1074, 0x1p1023, -0x1p-1022, 1e300};
enum { COUNT = sizeof numbers / sizeof numbers[0] };
static double results[COUNT][COUNT][12];
static float singles[COUNT][COUNT][12];

static __attribute__((noinline)) void doubles(double a, double b, double *out) {
    out[0] = a + b, out[1] = a - b, out[2] = a * b, out[3] = a / b;
    out[4] = sqrt(a), out[5] = -(a - b), out[6] = fabs(a * b), out[7] = copysign(a / b, a - b);
    out[8] = floor(a * b), out[9] = (double)(float)(a / b), out[10] = a * b + (a - b), out[11] = (a - b) * (b / a);
}

static __attribute__((noinline)) void floats(float a, float b, float *out) {
    out[0] = a + b, out[1] = a - b, out[2] = a * b, out[3] = a / b;
    out[4] = sqrtf(a), out[5] = -(a - b), out[6] = fabsf(a * b), out[7] = copysignf(a / b, a - b);
    out[8] = ceilf(a * b), out[9] = (float)((double)a / (double)b), out[10] = a * b + (a - b), out[11] = truncf(a / b) - b;
}

static void run(int n) {
    for (int again = 0; again < n; again++)
        for (int i = 0; i < COUNT; i++)
            for (int j = 0; j < COUNT; j++) {
                doubles(numbers[i], numbers[j], results[i][j]);
                floats((float)numbers[i], (float)numbers[j], singles[i][j]);
            }
    HASH(results);
    HASH(singles);
}
KERNEL
