/* Edge: every function of math.h over a grid with NaN, infinities, denormals and the borders of its domain. */
#include "kernel.h"
enum { SMALL = 1, LARGE = 60, ROUNDS = 1 };

static const double grid[] = {0.0,  -0.0, 1,    -1,   0.5,  -0.5, 2,     -2,    INFINITY,  -INFINITY,   0x1p-1074, -0x1p-1022, 1e-300,
                              1e10, -1e10, 1e300, 3.7, -3.7, 710,  -745.2, 0.9999, 88.8,     M_PI,        -M_PI_2};
enum { COUNT = sizeof grid / sizeof grid[0] };
#define NANS 2
static double at(int i, double nan) { return i < COUNT ? grid[i] : i == COUNT ? nan : -nan; }

typedef double one(double);
typedef double two(double, double);
typedef float onef(float);
typedef float twof(float, float);
static one *const ones[] = {acos,  asin,  atan,  cos,   sin,   tan,  acosh, asinh, atanh, cosh,   sinh,      tanh,  exp,
                            exp2,  expm1, log,   log10, log1p, log2, logb,  cbrt,  fabs,  sqrt,   erf,       erfc,  lgamma,
                            tgamma, ceil, floor, rint,  round, trunc, nearbyint, j0, j1, y0, y1};
static two *const twos[] = {atan2, pow, hypot, fmod, remainder, copysign, nextafter, fdim, fmax, fmin};
static onef *const onefs[] = {acosf, asinf,  atanf,  cosf,   sinf,   tanf,   acoshf, asinhf, atanhf,  coshf,  sinhf,  tanhf, expf,
                              exp2f, expm1f, logf,   log10f, log1pf, log2f,  logbf,  cbrtf,  fabsf,   sqrtf,  erff,   erfcf, lgammaf,
                              tgammaf, ceilf, floorf, rintf, roundf, truncf, nearbyintf};
static twof *const twofs[] = {atan2f, powf, hypotf, fmodf, remainderf, copysignf, nextafterf, fdimf, fmaxf, fminf};
#define EACH(list) for (unsigned k = 0; k < sizeof list / sizeof list[0]; k++)

static void run(int n) {
    static volatile double zero;
    for (int again = 0; again < n; again++) {
        double nan = zero / zero;
        for (int i = 0; i < COUNT + NANS; i++) {
            double x = at(i, nan), part, r;
            float partf, s;
            int exponent;
            EACH(ones) r = ones[k](x), HASH(r);
            EACH(onefs) s = onefs[k]((float)x), HASH(s);
            r = frexp(x, &exponent), HASH(r);
            r = modf(x, &part), HASH(r), HASH(part);
            s = modff((float)x, &partf), HASH(s), HASH(partf);
            r = ldexp(x, 7), HASH(r);
            r = scalbn(x, -1060), HASH(r);
            for (int j = 0; j < COUNT + NANS; j++) {
                double y = at(j, nan);
                EACH(twos) r = twos[k](x, y), HASH(r);
                EACH(twofs) s = twofs[k]((float)x, (float)y), HASH(s);
                r = fma(x, y, at((i + j) % (COUNT + NANS), nan)), HASH(r);
                r = remquo(x, y, &exponent), HASH(r);
            }
        }
    }
}
KERNEL
