/* <pwd.h> for the one user there is; posix.c has it. */
#ifndef WBUILD_POSIX_PWD_H
#define WBUILD_POSIX_PWD_H
#include <sys/types.h>
#ifdef __cplusplus
extern "C" {
#endif
struct passwd {
    char *pw_name, *pw_passwd;
    uid_t pw_uid;
    gid_t pw_gid;
    char *pw_gecos, *pw_dir, *pw_shell;
};
struct passwd *getpwuid(uid_t);
struct passwd *getpwnam(const char *);
#ifdef __cplusplus
}
#endif
#endif
