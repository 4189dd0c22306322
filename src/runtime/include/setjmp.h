/* setjmp and longjmp for wbuild: without wasm exceptions, so that they run on every engine.
 *
 * wasi-libc's own header refuses to be used without wasm exceptions. This one is searched before
 * it and takes its include guard, so that it says nothing; libc++'s wrapper, which <csetjmp>
 * insists on, still gets its turn at the end. */
#ifndef _SETJMP_H
#define _SETJMP_H

#ifdef __cplusplus
extern "C" {
#endif

/* sjlj.c uses the first two words. */
typedef struct __jmp_buf_tag {
    unsigned long __words[4];
} jmp_buf[1];
typedef jmp_buf sigjmp_buf;

int setjmp(jmp_buf) __attribute__((__returns_twice__));
_Noreturn void longjmp(jmp_buf, int);

#define setjmp setjmp

/* WASI has no signals, so there is no mask to save. */
#define _setjmp(env) setjmp(env)
#define _longjmp(env, value) longjmp((env), (value))
#define sigsetjmp(env, savemask) ((void)(savemask), setjmp(env))
#define siglongjmp(env, value) longjmp((env), (value))

#ifdef __cplusplus
}
#endif

#endif

#if __has_include_next(<setjmp.h>)
#include_next <setjmp.h>
#endif
