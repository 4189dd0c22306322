/* Edge: numbers and pointers in one double, as interpreters box them, beside arithmetic that makes NaNs. */
#include "kernel.h"
enum { SMALL = 50, LARGE = 300000, ROUNDS = 1, TAG = 0xfff9 };
typedef union {
    double number;
    uint64_t bits;
} value;
static value stack[256];

static int is_number(value v) { return v.bits >> 48 != TAG; }

static __attribute__((noinline)) value apply(int op, value a, value b) {
    value r;
    if (!is_number(a) || !is_number(b)) {
        r.bits = (uint64_t)TAG << 48 | ((a.bits ^ b.bits) & 0xffffffff);
        return r;
    }
    switch (op) {
    case 0: r.number = a.number + b.number; break;
    case 1: r.number = a.number - b.number; break;
    case 2: r.number = a.number * b.number; break;
    default: r.number = a.number / b.number; break;
    }
    /* A NaN that happened must not look like a box. */
    if (r.number != r.number)
        r.bits = 0x7ff8000000000000u;
    return r;
}

static void run(int n) {
    for (int i = 0; i < 256; i++) {
        if (i % 7 == 0)
            stack[i].bits = (uint64_t)TAG << 48 | (unsigned)i * 2654435761u;
        else
            stack[i].number = i % 11 ? next_number() - 0.5 : i % 2 ? INFINITY : 0;
    }
    for (int i = 0; i < n; i++) {
        int a = (int)(next_number() * 256), b = (int)(next_number() * 256), to = (int)(next_number() * 256);
        value r = apply(i & 3, stack[a], stack[b]);
        stack[to] = r;
        if (i % 16 == 0)
            stack[to].number = stack[a].number * 0;
        if (!is_number(stack[to]) && i % 3 == 0)
            stack[to].number = i;
    }
    HASH(stack);
}
KERNEL
