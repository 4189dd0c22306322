/* What C promises of setjmp and longjmp, one function for each promise. Prints what happened, so
 * that a native build says what is right. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static jmp_buf outer, inner;

static void value_zero_becomes_one(void) {
    switch (setjmp(outer)) {
    case 0:
        longjmp(outer, 0);
    case 1:
        puts("zero became one");
        break;
    default:
        puts("zero became something else");
    }
}

static void one_buffer_many_values(void) {
    volatile int seen = 0;
    int value = setjmp(outer);
    seen += value;
    if (value < 5)
        longjmp(outer, value + 1);
    printf("values up to %d, in all %d\n", value, seen);
}

/* Volatile locals keep what was last written; the others are left alone after setjmp. */
static void locals_survive(int argument) {
    int untouched = argument * 3;
    double real = argument / 4.0;
    long long wide = 1LL << (argument + 33);
    volatile int changed = 1;
    if (!setjmp(outer)) {
        changed = 2;
        longjmp(outer, 1);
    }
    printf("locals %d %g %lld %d\n", untouched, real, wide, changed);
}

static void dive(int depth) {
    volatile char ballast[64];
    memset((char *)ballast, depth, sizeof ballast);
    if (depth == 0)
        longjmp(outer, ballast[0] + 10000);
    dive(depth - 1);
    printf("never %d\n", ballast[1]);
}

static void out_of_ten_thousand_frames(void) {
    /* More often than the stack would hold, if a jump did not give it back. */
    volatile int round = 0;
    while (round < 50) {
        int value = setjmp(outer);
        if (!value)
            dive(10000);
        if (value != 10000)
            puts("wrong value from the deep");
        round++;
    }
    printf("%d times out of ten thousand frames\n", round);
}

static void nested(void) {
    volatile int trail = 0;
    int value = setjmp(outer);
    if (value) {
        printf("outer got %d, trail %d\n", value, trail);
        return;
    }
    for (volatile int i = 0; i < 3; i++) {
        if (setjmp(inner)) {
            trail = trail * 10 + i + 1;
            continue;
        }
        longjmp(i < 2 ? inner : outer, 7);
    }
}

/* The jump passes a frame that has a setjmp of its own, and must not stop there. */
static void middle(void) {
    jmp_buf own;
    if (setjmp(own))
        puts("stopped too early");
    else
        longjmp(outer, 3);
}

static void past_another_setjmp(void) {
    if (!setjmp(outer))
        middle();
    else
        puts("went past the middle");
}

static int compared;

static int give_up(const void *a, const void *b) {
    if (++compared == 5)
        longjmp(outer, 42);
    return *(const int *)a - *(const int *)b;
}

static void out_of_a_callback(void) {
    int numbers[] = {9, 3, 7, 1, 8, 2, 6, 4, 5, 0};
    int value = setjmp(outer);
    if (!value) {
        qsort(numbers, 10, sizeof *numbers, give_up);
        puts("sorted, though it should not be");
    }
    printf("qsort left with %d after %d comparisons\n", value, compared);
}

typedef double (*number_function)(int, float, long long, double);

static double by_pointer(int i, float f, long long l, double d) {
    if (i == 3)
        longjmp(inner, i);
    return i + f + (double)l + d;
}

static number_function volatile chosen = by_pointer;

static long long through(int i) { return (long long)chosen(i, 0.5f, 1LL << 40, 0.25) + 1; }

static void through_pointers_of_many_types(void) {
    volatile long long sum = 0;
    volatile int i;
    for (i = 0; i < 6; i++) {
        if (setjmp(inner))
            continue;
        sum += through(i);
    }
    printf("sum %lld\n", sum);
}

struct wide {
    int values[20];
};

static struct wide by_value(int n) {
    struct wide result;
    for (int i = 0; i < 20; i++)
        result.values[i] = n + i;
    if (n == 2)
        longjmp(inner, 1);
    return result;
}

static void structures_by_value(void) {
    volatile int sum = 0;
    for (volatile int n = 0; n < 4; n++)
        if (!setjmp(inner))
            sum += by_value(n).values[19];
    printf("structures %d\n", sum);
}

static void raise_if(int condition) {
    if (condition)
        longjmp(inner, condition);
}

static void a_million_times(void) {
    volatile long caught = 0, passed = 0;
    for (volatile int i = 0; i < 1000000; i++) {
        if (setjmp(inner))
            caught++;
        else {
            raise_if(i & 1);
            passed++;
        }
    }
    printf("caught %ld, passed %ld\n", caught, passed);
}

/* A macro here and in glibc. wasi-libc, used with wasm exceptions, only declares it. */
#ifndef sigsetjmp
#define sigjmp_buf jmp_buf
#define sigsetjmp(env, mask) setjmp(env)
#define siglongjmp longjmp
#endif

static void names_of_posix(void) {
    sigjmp_buf env;
    if (sigsetjmp(env, 1))
        puts("siglongjmp arrived");
    else
        siglongjmp(env, 1);
}

static void while_printing(void) {
    char buffer[64];
    if (!setjmp(outer)) {
        snprintf(buffer, sizeof buffer, "%5.2f|%s", 3.14159, "text");
        printf("%s\n", buffer);
        longjmp(outer, 1);
    }
    puts("standard output still works");
}

static void at_the_end(void) {
    if (!setjmp(inner))
        longjmp(inner, 1);
    puts("atexit jumped within itself");
}

int main(void) {
    atexit(at_the_end);
    value_zero_becomes_one();
    one_buffer_many_values();
    locals_survive(5);
    out_of_ten_thousand_frames();
    nested();
    past_another_setjmp();
    out_of_a_callback();
    through_pointers_of_many_types();
    structures_by_value();
    a_million_times();
    names_of_posix();
    while_printing();
    return 0;
}
