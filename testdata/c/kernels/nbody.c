/* Planets that pull at each other. */
#include "kernel.h"
enum { SMALL = 20, LARGE = 500000, ROUNDS = 4, BODIES = 5 };
static struct body {
    double x, y, z, vx, vy, vz, mass;
} body[BODIES];

static __attribute__((noinline)) void advance(double dt) {
    for (int i = 0; i < BODIES; i++)
        for (int j = i + 1; j < BODIES; j++) {
            double dx = body[i].x - body[j].x, dy = body[i].y - body[j].y, dz = body[i].z - body[j].z;
            double square = dx * dx + dy * dy + dz * dz;
            double pull = dt / (square * sqrt(square));
            body[i].vx -= dx * body[j].mass * pull, body[j].vx += dx * body[i].mass * pull;
            body[i].vy -= dy * body[j].mass * pull, body[j].vy += dy * body[i].mass * pull;
            body[i].vz -= dz * body[j].mass * pull, body[j].vz += dz * body[i].mass * pull;
        }
    for (int i = 0; i < BODIES; i++)
        body[i].x += dt * body[i].vx, body[i].y += dt * body[i].vy, body[i].z += dt * body[i].vz;
}

static void run(int n) {
    for (int i = 0; i < BODIES; i++) {
        fill(&body[i].x, 6);
        body[i].x += 4 * i;
        body[i].mass = i ? next_number() / 100 : 39;
    }
    for (int i = 0; i < n; i++)
        advance(0.001);
    HASH(body);
}
KERNEL
