/* How these programs name their initialization to whoever builds them.
 *
 * To wbuild, by <wbuild.h>. With -DWIZER, to wizer and wbuild alike, by doing what wizer's own header does: one
 * function that calls the constructors and initializes, and one to take the place of _start. To a native compiler, not
 * at all: main calls the function.
 *
 * main takes arguments in all of them: clang renames a main that takes none to __main_void, but not where that name is
 * declared already. */
#ifndef INITIALIZE_H
#define INITIALIZE_H

#ifdef __cplusplus
#define LINKED_AS_C extern "C"
#else
#define LINKED_AS_C
#endif

#if defined WIZER
#define INITIALIZED initialized
static int initialized;
LINKED_AS_C void __wasm_call_ctors(void);
LINKED_AS_C void __wasm_call_dtors(void);
LINKED_AS_C int __main_void(void);
LINKED_AS_C void __wasi_proc_exit(unsigned);
#define INITIALIZE(function)                                                                                           \
    LINKED_AS_C __attribute__((export_name("wizer.initialize"))) void wizer_initialize(void);                          \
    LINKED_AS_C void wizer_initialize(void) {                                                                          \
        __wasm_call_ctors();                                                                                           \
        function();                                                                                                    \
        initialized = 1;                                                                                               \
    }                                                                                                                  \
    LINKED_AS_C __attribute__((export_name("wizer.resume"))) void wizer_resume(void);                                  \
    LINKED_AS_C void wizer_resume(void) {                                                                              \
        int status = __main_void();                                                                                    \
        __wasm_call_dtors();                                                                                           \
        if (status)                                                                                                    \
            __wasi_proc_exit(status);                                                                                  \
    }
#elif defined __wasm__
#include <wbuild.h>
#define INITIALIZED WBUILD_PREINITIALIZED
#define INITIALIZE(function) WBUILD_PREINIT(function)
#else
#define INITIALIZED 0
#define INITIALIZE(function)
#endif

#endif
