/* Spheres over a floor, with shadows and mirrors, in single precision. */
#include "kernel.h"
enum { SMALL = 10, LARGE = 360, ROUNDS = 9, SPHERES = 7 };
typedef struct {
    float x, y, z;
} vec;
static struct sphere {
    vec centre, colour;
    float radius, mirror;
} spheres[SPHERES];
static vec picture[LARGE][LARGE];

static vec add(vec a, vec b) { return (vec){a.x + b.x, a.y + b.y, a.z + b.z}; }
static vec sub(vec a, vec b) { return (vec){a.x - b.x, a.y - b.y, a.z - b.z}; }
static vec scale(vec a, float s) { return (vec){a.x * s, a.y * s, a.z * s}; }
static float dot(vec a, vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static vec unit(vec a) { return scale(a, 1 / sqrtf(dot(a, a))); }

/* The nearest sphere on the ray; how far it is goes to *far. */
static __attribute__((noinline)) const struct sphere *hit(vec from, vec to, float *far) {
    const struct sphere *nearest = NULL;
    for (int i = 0; i < SPHERES; i++) {
        vec away = sub(from, spheres[i].centre);
        float b = dot(away, to), c = dot(away, away) - spheres[i].radius * spheres[i].radius, d = b * b - c;
        if (d < 0)
            continue;
        float t = -b - sqrtf(d);
        if (t > 1e-3f && t < *far)
            *far = t, nearest = &spheres[i];
    }
    return nearest;
}

static vec trace(vec from, vec to, int depth) {
    float far = 1e9f;
    const struct sphere *sphere = hit(from, to, &far);
    vec colour, normal, point;
    float mirror = 0.2f;
    if (sphere) {
        point = add(from, scale(to, far));
        normal = unit(sub(point, sphere->centre)), colour = sphere->colour, mirror = sphere->mirror;
    } else if (to.y < 0) {
        point = add(from, scale(to, -from.y / to.y));
        normal = (vec){0, 1, 0};
        float check = fmodf(fabsf(floorf(point.x) + floorf(point.z)), 2);
        colour = (vec){check, check, check};
    } else {
        return (vec){0.3f, 0.4f, 0.5f + 0.5f * to.y};
    }
    vec light = unit(sub((vec){5, 9, -6}, point));
    float shade = 1e9f, bright = hit(point, light, &shade) ? 0.1f : fmaxf(0.1f, dot(normal, light));
    colour = scale(colour, bright);
    if (depth == 0)
        return colour;
    vec back = sub(to, scale(normal, 2 * dot(to, normal)));
    return add(scale(colour, 1 - mirror), scale(trace(point, unit(back), depth - 1), mirror));
}

static void run(int n) {
    for (int i = 0; i < SPHERES; i++) {
        struct sphere *s = &spheres[i];
        s->centre = (vec){(float)(i - 3), 1 + (float)next_number(), 4 + 3 * (float)next_number()};
        s->colour = (vec){(float)next_number(), (float)next_number(), (float)next_number()};
        s->radius = 0.4f + 0.5f * (float)next_number(), s->mirror = (float)next_number();
    }
    for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++) {
            vec to = unit((vec){2.0f * x / n - 1, 1 - 2.0f * y / n, 1.2f});
            picture[y][x] = trace((vec){0, 1.5f, -2}, to, 4);
        }
    for (int y = 0; y < n; y++)
        hash_bytes(picture[y], n * sizeof picture[y][0]);
}
KERNEL
