/* Edge: bodies some of which are at one place, so that forces are zero over zero, and one flies off to infinity. */
#include "kernel.h"
enum { SMALL = 12, LARGE = 20000, ROUNDS = 1, BODIES = 8 };
static struct {
    double x, y, vx, vy;
    float energy;
} body[BODIES];

static void run(int n) {
    for (int i = 0; i < BODIES; i++)
        body[i].x = i / 2, body[i].y = i % 3 == 0 ? i : 1, body[i].vx = i == 5 ? 1e308 : next_number(), body[i].vy = -1;
    body[1].x = body[0].x, body[1].y = body[0].y;
    for (int t = 0; t < n; t++) {
        for (int i = 0; i < BODIES; i++) {
            double fx = 0, fy = 0;
            for (int j = 0; j < BODIES; j++) {
                if (i == j)
                    continue;
                double dx = body[j].x - body[i].x, dy = body[j].y - body[i].y, far = sqrt(dx * dx + dy * dy);
                fx += dx / (far * far * far), fy += dy / (far * far * far);
            }
            body[i].vx += fx * 0.1, body[i].vy -= fy * -0.1;
            body[i].energy = (float)(body[i].vx * body[i].vx + body[i].vy * body[i].vy);
        }
        for (int i = 0; i < BODIES; i++)
            body[i].x += body[i].vx, body[i].y += body[i].vy;
        HASH(body);
    }
}
KERNEL
