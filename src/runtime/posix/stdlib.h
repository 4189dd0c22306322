/* What wasi-libc leaves out of <stdlib.h>; posix.c has it. */
#include_next <stdlib.h>
#ifndef WBUILD_POSIX_STDLIB_H
#define WBUILD_POSIX_STDLIB_H
#ifdef __cplusplus
extern "C" {
#endif
int system(const char *);
int mkstemp(char *);
int mkstemps(char *, int);
#ifdef __cplusplus
}
#endif
#endif
