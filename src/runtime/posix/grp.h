/* <grp.h> for the one group there is; posix.c has it. */
#ifndef WBUILD_POSIX_GRP_H
#define WBUILD_POSIX_GRP_H
#include <sys/types.h>
#ifdef __cplusplus
extern "C" {
#endif
struct group {
    char *gr_name, *gr_passwd;
    gid_t gr_gid;
    char **gr_mem;
};
struct group *getgrgid(gid_t);
struct group *getgrnam(const char *);
#ifdef __cplusplus
}
#endif
#endif
