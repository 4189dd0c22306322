/* wbuild.h: what a program says to wbuild.
 *
 *   static void load(void) { ... }
 *   WBUILD_PREINIT(load)
 *
 * `wbuild app.c --preinit` runs `load` while it builds, behind the constructors, and the program starts as `load`
 * left it. Built without --preinit, or by another compiler that exports by name, the function is exported and nobody
 * calls it: then main can, by asking WBUILD_PREINITIALIZED. */
#ifndef WBUILD_H
#define WBUILD_H

#ifdef __cplusplus
#define WBUILD_C extern "C"
#else
#define WBUILD_C
#endif

/* Marks a function without parameters and results. Once in a program. */
#define WBUILD_PREINIT(function)                                                                                       \
    static volatile int __wbuild_done;                                                                                 \
    WBUILD_C __attribute__((noinline)) int __wbuild_preinitialized(void) {                                             \
        return __wbuild_done;                                                                                          \
    }                                                                                                                  \
    WBUILD_C __attribute__((export_name("wbuild_preinit"))) void __wbuild_preinit(void);                               \
    WBUILD_C void __wbuild_preinit(void) {                                                                             \
        function();                                                                                                    \
        __wbuild_done = 1;                                                                                             \
    }

/* Whether the function has run while building: 1 or 0. A snapshot made by wbuild has the 1 in the code, so that what
 * main would have done otherwise is not in it. */
#define WBUILD_PREINITIALIZED (__wbuild_preinitialized())

WBUILD_C int __wbuild_preinitialized(void);

#endif
