/* What wasi-libc leaves out of <stdio.h>; posix.c has it. */
#include_next <stdio.h>
#ifndef WBUILD_POSIX_STDIO_H
#define WBUILD_POSIX_STDIO_H
#ifdef __cplusplus
extern "C" {
#endif
FILE *popen(const char *, const char *);
int pclose(FILE *);
#ifdef __cplusplus
}
#endif
#endif
