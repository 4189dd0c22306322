/* What wasi-libc leaves out of <stdio.h>; posix.c has it. */
#include_next <stdio.h>
#ifndef WBUILD_POSIX_STDIO_H
#define WBUILD_POSIX_STDIO_H
#ifndef L_tmpnam
#define L_tmpnam 20
#endif
#ifndef TMP_MAX
#define TMP_MAX 10000
#endif
#ifndef P_tmpdir
#define P_tmpdir "/tmp"
#endif
#ifdef __cplusplus
extern "C" {
#endif
FILE *popen(const char *, const char *);
int pclose(FILE *);
#ifdef __cplusplus
}
#endif
#endif
