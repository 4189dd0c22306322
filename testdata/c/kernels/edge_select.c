/* Edge: NaNs through conditions, switches, loops that carry them, calls by pointer and structures. */
#include "kernel.h"
enum { SMALL = 40, LARGE = 200000, ROUNDS = 1 };
typedef double function(double, double);
typedef struct {
    double a, b;
    float c;
} triple;

static double plus(double a, double b) { return a + b; }
static double minus(double a, double b) { return a - b; }
static double first(double a, double b) { return b > 0 ? a : a * b; }
static double turned(double a, double b) { return -(a * b); }
static function *functions[] = {plus, minus, first, turned};

static __attribute__((noinline)) triple mix(triple t, double x, int how) {
    switch (how) {
    case 0: t.a = x * t.b; break;
    case 1: t.b = t.a - x; break;
    case 2: t.c = (float)(t.a * x); break;
    case 3: t.a = -t.a; break;
    case 4: t.b = fabs(t.b * x); break;
    default: t.a = copysign(t.b, t.c * x);
    }
    return t;
}

static __attribute__((noinline)) double carried(double x, int steps) {
    double y = x, last = 0;
    for (int i = 0; i < steps; i++) {
        last = y;
        y = i & 1 ? y * x : -y;
        if (y > 1e200)
            y = y - last * INFINITY;
    }
    return y != y ? last : y;
}

static void run(int n) {
    triple t = {1, 2, 3};
    double x = 0.5;
    for (int i = 0; i < n; i++) {
        x = functions[(int)(next_number() * 4)](x, next_number() < 0.3 ? INFINITY : next_number() - 0.5);
        t = mix(t, x, i % 6);
        double y = carried(t.a, i % 13);
        HASH(x), HASH(t.a), HASH(t.b), HASH(t.c), HASH(y);
        if (i % 10 == 0)
            x = next_number(), t = (triple){x, 1e300, -0.0f};
    }
}
KERNEL
