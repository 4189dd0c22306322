/* Edge: NaNs with payloads of their own through arithmetic, copies, signs and conversions. */
#include "kernel.h"
enum { SMALL = 40, LARGE = 200000, ROUNDS = 1 };

static double of_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, 8);
    return x;
}

static __attribute__((noinline)) double chain(double a, double b, double c) {
    double x = a + b;
    double y = c < 0 ? -x : x * c;
    return copysign(y, c) + fabs(x);
}

static __attribute__((noinline)) float narrow(double x) { return (float)x; }
static __attribute__((noinline)) double widen(float x) { return x; }
static double kept[64];

static void run(int n) {
    for (int i = 0; i < n; i++) {
        uint64_t noise = (uint64_t)(next_number() * 0x1p51);
        double a = of_bits(0x7ff8000000000000u | noise), b = of_bits(0xfff8000000000000u | noise >> 1);
        double c = next_number() - 0.5, d = i % 3 ? INFINITY : of_bits(0x7ff0000000000001u + noise);
        double results[] = {chain(a, b, c), chain(c, a, b), chain(d, -d, c), -(a + c), a * b, d - d,
                            widen(narrow(a)), widen(narrow(d * 0)), fmin(a, c), fmax(d, b), i % 2 ? a : c + b};
        HASH(results);
        /* Bits that no arithmetic has touched stay what they are. */
        kept[i % 64] = i % 5 ? a : -b;
        memmove(kept + 1, kept, sizeof kept - sizeof kept[0]);
        HASH(kept);
    }
}
KERNEL
