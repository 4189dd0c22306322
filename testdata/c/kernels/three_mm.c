/* (a * b) * (c * d), each product by a function that is called with its matrices. */
#include "kernel.h"
enum { SMALL = 9, LARGE = 260, ROUNDS = 4 };
typedef double matrix[LARGE][LARGE];
static matrix a, b, c, d, e, f, g;

static __attribute__((noinline)) void product(int n, matrix out, matrix x, matrix y) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int k = 0; k < n; k++)
                sum += x[i][k] * y[k][j];
            out[i][j] = sum;
        }
}

static void run(int n) {
    fill(&a[0][0], sizeof a / 8);
    fill(&b[0][0], sizeof b / 8);
    fill(&c[0][0], sizeof c / 8);
    fill(&d[0][0], sizeof d / 8);
    product(n, e, a, b);
    product(n, f, c, d);
    product(n, g, e, f);
    for (int i = 0; i < n; i++)
        hash_bytes(g[i], n * sizeof g[i][0]);
}
KERNEL
