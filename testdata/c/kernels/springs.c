/* Physics: a cloth of springs that falls, by steps of Verlet. */
#include "kernel.h"
enum { SMALL = 6, LARGE = 60, ROUNDS = 2, STEPS = 150 };
static struct point {
    double x, y, z, px, py, pz;
} cloth[LARGE][LARGE];

static __attribute__((noinline)) void pull(struct point *a, struct point *b, double length) {
    double dx = b->x - a->x, dy = b->y - a->y, dz = b->z - a->z;
    double far = sqrt(dx * dx + dy * dy + dz * dz), part = (far - length) / far * 0.5;
    a->x += dx * part, a->y += dy * part, a->z += dz * part;
    b->x -= dx * part, b->y -= dy * part, b->z -= dz * part;
}

static void run(int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            cloth[i][j] = (struct point){i, 0, j, i, 0.01 * next_number(), j};
    for (int t = 0; t < (n == LARGE ? STEPS : 4); t++) {
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                struct point *p = &cloth[i][j];
                double x = 2 * p->x - p->px, y = 2 * p->y - p->py - 0.001, z = 2 * p->z - p->pz;
                p->px = p->x, p->py = p->y, p->pz = p->z;
                p->x = x, p->y = y, p->z = z;
            }
        for (int again = 0; again < 3; again++)
            for (int i = 0; i < n; i++)
                for (int j = 0; j < n; j++) {
                    if (i + 1 < n)
                        pull(&cloth[i][j], &cloth[i + 1][j], 1);
                    if (j + 1 < n)
                        pull(&cloth[i][j], &cloth[i][j + 1], 1);
                }
        cloth[0][0].x = 0, cloth[0][0].y = 0, cloth[0][0].z = 0;
    }
    for (int i = 0; i < n; i++)
        hash_bytes(cloth[i], n * sizeof cloth[i][0]);
}
KERNEL
