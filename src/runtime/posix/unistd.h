/* What wasi-libc leaves out of <unistd.h>; posix.c has it. */
#include_next <unistd.h>
#ifndef WBUILD_POSIX_UNISTD_H
#define WBUILD_POSIX_UNISTD_H
#ifdef __cplusplus
extern "C" {
#endif
uid_t getuid(void);
uid_t geteuid(void);
gid_t getgid(void);
gid_t getegid(void);
int chown(const char *, uid_t, gid_t);
int lchown(const char *, uid_t, gid_t);
int fchown(int, uid_t, gid_t);
/* libc's own goes from /a to /a/.. */
int chdir(const char *) __asm__("__wbuild_chdir");
#ifdef __cplusplus
}
#endif
#endif
