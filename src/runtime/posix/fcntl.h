/* What wasi-libc leaves out of <fcntl.h>: record locks, of which posix.c says that nobody else holds any. */
#include_next <fcntl.h>
#if !defined(WBUILD_POSIX_FCNTL_H) && !defined(F_SETLK)
#define WBUILD_POSIX_FCNTL_H
#define F_GETLK 5
#define F_SETLK 6
#define F_SETLKW 7
#ifndef F_RDLCK
#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
#endif
#ifdef __cplusplus
extern "C" {
#endif
/* libc's own refuses them. */
int fcntl(int, int, ...) __asm__("__wbuild_fcntl");
#ifdef __cplusplus
}
#endif
#endif
