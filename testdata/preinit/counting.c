/* More than 10^9 instructions of initialization, and a small result. */
#include <stdio.h>

#include "initialize.h"

static unsigned longest, start;

static void load(void) {
    /* The longest walk by Collatz's rule from below two million. */
    for (unsigned from = 1; from < 2000000; from++) {
        unsigned steps = 0;
        for (unsigned long long n = from; n != 1; steps++)
            n = n % 2 ? 3 * n + 1 : n / 2;
        if (steps > longest) {
            longest = steps;
            start = from;
        }
    }
}

INITIALIZE(load)

int main(int argc, char **argv) {
    (void)argc, (void)argv;
    if (!INITIALIZED)
        load();
    printf("%u %u\n", start, longest);
    return 0;
}
