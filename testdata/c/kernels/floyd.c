/* Shortest paths between all pairs, with lengths that are floats. */
#include "kernel.h"
enum { SMALL = 12, LARGE = 400, ROUNDS = 3 };
static double path[LARGE][LARGE];

static void run(int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            path[i][j] = next_number() < 0.1 ? INFINITY : 1 + 99 * next_number();
    for (int k = 0; k < n; k++)
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                double there = path[i][k] + path[k][j];
                path[i][j] = path[i][j] < there ? path[i][j] : there;
            }
    for (int i = 0; i < n; i++)
        hash_bytes(path[i], n * sizeof path[i][0]);
}
KERNEL
