/* Covariances of the columns of a table. */
#include "kernel.h"
enum { SMALL = 11, LARGE = 360, ROUNDS = 7 };
static double data[LARGE][LARGE], cov[LARGE][LARGE], mean[LARGE];

static void run(int n) {
    fill(&data[0][0], sizeof data / 8);
    for (int j = 0; j < n; j++) {
        mean[j] = 0;
        for (int i = 0; i < n; i++)
            mean[j] += data[i][j];
        mean[j] /= n;
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            data[i][j] -= mean[j];
    for (int i = 0; i < n; i++)
        for (int j = i; j < n; j++) {
            double sum = 0;
            for (int k = 0; k < n; k++)
                sum += data[k][i] * data[k][j];
            cov[i][j] = cov[j][i] = sum / (n - 1.0);
        }
    for (int i = 0; i < n; i++)
        hash_bytes(cov[i], n * sizeof cov[i][0]);
}
KERNEL
