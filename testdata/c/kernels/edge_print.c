/* Edge: what printf, strtod and conversions to integers make of NaNs, infinities and denormals. */
#include <stdio.h>
#include "kernel.h"
enum { SMALL = 3, LARGE = 400, ROUNDS = 1 };

static void print(const char *format, double x) {
    char text[64];
    int length = snprintf(text, sizeof text, format, x);
    hash_bytes(text, length);
    double back = strtod(text, NULL);
    HASH(back);
}

static void run(int n) {
    static volatile double zero, one = 1, huge = 1e308, tiny = 0x1p-1074;
    for (int i = 0; i < n; i++) {
        double numbers[] = {zero / zero, -(zero / zero), sqrt(-one), huge * 10 - huge * 10, one / zero, -one / zero,
                            tiny, -tiny / 2, huge, (float)(huge / zero * zero), i * zero / zero, fmod(one, zero)};
        for (unsigned k = 0; k < sizeof numbers / sizeof numbers[0]; k++) {
            print("%f", numbers[k]), print("%+.3e", numbers[k]), print("%G", numbers[k]), print("%a", numbers[k]);
            int sign = signbit(numbers[k]) != 0;
            HASH(sign);
        }
        HASH(numbers);
        if (i == 0)
            printf("%f %f %g %g %a\n", numbers[0], numbers[1], numbers[2], numbers[4], numbers[6]);
    }
    fflush(stdout);
}
KERNEL
