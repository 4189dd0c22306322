/* Conjugate gradients on a sparse matrix. */
#include "kernel.h"
enum { SMALL = 30, LARGE = 40000, ROUNDS = 4, ROW = 9, STEPS = 60 };
static double value[LARGE][ROW], x[LARGE], r[LARGE], p[LARGE], ap[LARGE];
static int column[LARGE][ROW];

static double dot(int n, const double *u, const double *v) {
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += u[i] * v[i];
    return sum;
}

static void run(int n) {
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < ROW; k++)
            column[i][k] = (int)(next_number() * n), value[i][k] = next_number() / 10;
        column[i][0] = i, value[i][0] = 4;
        r[i] = p[i] = next_number();
    }
    double rr = dot(n, r, r);
    for (int t = 0; t < (n == LARGE ? STEPS : 4); t++) {
        for (int i = 0; i < n; i++) {
            double sum = 0;
            for (int k = 0; k < ROW; k++)
                sum += value[i][k] * p[column[i][k]];
            ap[i] = sum;
        }
        double alpha = rr / dot(n, p, ap);
        for (int i = 0; i < n; i++)
            x[i] += alpha * p[i], r[i] -= alpha * ap[i];
        double next = dot(n, r, r), beta = next / rr;
        rr = next;
        for (int i = 0; i < n; i++)
            p[i] = r[i] + beta * p[i];
    }
    hash_bytes(x, n * sizeof x[0]);
}
KERNEL
