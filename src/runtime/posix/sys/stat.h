/* What wasi-libc leaves out of <sys/stat.h>; posix.c has it. */
#include_next <sys/stat.h>
#ifndef WBUILD_POSIX_SYS_STAT_H
#define WBUILD_POSIX_SYS_STAT_H
#ifdef __cplusplus
extern "C" {
#endif
mode_t umask(mode_t);
/* libc has these in one object with stat, and they fail. */
int chmod(const char *, mode_t) __asm__("__wbuild_chmod");
int fchmod(int, mode_t) __asm__("__wbuild_fchmod");
/* libc's own leave modes and blocks zero. */
int stat(const char *__restrict, struct stat *__restrict) __asm__("__wbuild_stat");
int lstat(const char *__restrict, struct stat *__restrict) __asm__("__wbuild_lstat");
int fstat(int, struct stat *) __asm__("__wbuild_fstat");
int fstatat(int, const char *__restrict, struct stat *__restrict, int) __asm__("__wbuild_fstatat");
#ifdef __cplusplus
}
#endif
#endif
