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
#ifdef __cplusplus
}
#endif
#endif
