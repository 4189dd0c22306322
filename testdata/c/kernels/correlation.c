/* Correlations of the columns of a table. */
#include "kernel.h"
enum { SMALL = 11, LARGE = 360, ROUNDS = 6 };
static double data[LARGE][LARGE], corr[LARGE][LARGE], mean[LARGE], dev[LARGE];

static void run(int n) {
    fill(&data[0][0], sizeof data / 8);
    for (int j = 0; j < n; j++) {
        mean[j] = 0;
        for (int i = 0; i < n; i++)
            mean[j] += data[i][j];
        mean[j] /= n;
        dev[j] = 0;
        for (int i = 0; i < n; i++)
            dev[j] += (data[i][j] - mean[j]) * (data[i][j] - mean[j]);
        dev[j] = sqrt(dev[j] / n);
        dev[j] = dev[j] <= 0.1 ? 1 : dev[j];
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            data[i][j] -= mean[j];
            data[i][j] /= sqrt((double)n) * dev[j];
        }
    for (int i = 0; i < n; i++) {
        corr[i][i] = 1;
        for (int j = i + 1; j < n; j++) {
            corr[i][j] = 0;
            for (int k = 0; k < n; k++)
                corr[i][j] += data[k][i] * data[k][j];
            corr[j][i] = corr[i][j];
        }
    }
    for (int i = 0; i < n; i++)
        hash_bytes(corr[i], n * sizeof corr[i][0]);
}
KERNEL
