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
    WBUILD_C int __wbuild_preinitialized;                                                                              \
    int __wbuild_preinitialized = 0;                                                                                   \
    WBUILD_C __attribute__((export_name("wbuild_preinit"))) void __wbuild_preinit(void);                               \
    WBUILD_C void __wbuild_preinit(void) {                                                                             \
        function();                                                                                                    \
        __wbuild_preinitialized = 1;                                                                                   \
    }

/* Whether the function has run while building: 1 or 0. */
#define WBUILD_PREINITIALIZED (*(volatile int *)&__wbuild_preinitialized)

WBUILD_C extern int __wbuild_preinitialized;

#endif
