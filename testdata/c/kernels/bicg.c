/* s = r * a and q = a * p in one sweep over a. */
#include "kernel.h"
enum { SMALL = 12, LARGE = 900, ROUNDS = 3, REPEAT = 60 };
static double a[LARGE][LARGE], s[LARGE], q[LARGE], p[LARGE], r[LARGE];

static void run(int n) {
    fill(&a[0][0], sizeof a / 8);
    fill(p, LARGE);
    fill(r, LARGE);
    for (int again = 0; again < (n == LARGE ? REPEAT : 2); again++) {
        memset(s, 0, sizeof s);
        for (int i = 0; i < n; i++) {
            q[i] = 0;
            for (int j = 0; j < n; j++) {
                s[j] += r[i] * a[i][j];
                q[i] += a[i][j] * p[j];
            }
        }
        for (int i = 0; i < n; i++)
            p[i] = q[i] / n, r[i] = s[i] / n;
    }
    hash_bytes(s, n * sizeof s[0]);
    hash_bytes(q, n * sizeof q[0]);
}
KERNEL
