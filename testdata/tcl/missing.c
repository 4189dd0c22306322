/* What WASI cannot do fails, as on a system where it is forbidden. */
#include "missing.h"
#include "netdb.h"
#include "sys/wait.h"
#include <errno.h>
#include <stddef.h>

#define FAILS(type, name, ...) \
    type name(__VA_ARGS__) { errno = ENOSYS; return (type)-1; }

FAILS(int, fork, void)
FAILS(int, pipe, int ends[2])
FAILS(int, dup, int fd)
FAILS(int, dup2, int from, int to)
FAILS(int, execvp, const char *file, char *const words[])
FAILS(pid_t, waitpid, pid_t child, int *status, int options)
FAILS(int, mkfifo, const char *path, mode_t mode)
FAILS(int, mknod, const char *path, mode_t mode, dev_t device)
FAILS(int, socket, int family, int type, int protocol)
FAILS(int, bind, int fd, const struct sockaddr *address, socklen_t length)
FAILS(int, listen, int fd, int waiting)
FAILS(int, connect, int fd, const struct sockaddr *address, socklen_t length)
FAILS(int, getsockname, int fd, struct sockaddr *address, socklen_t *length)
FAILS(int, getpeername, int fd, struct sockaddr *address, socklen_t *length)
FAILS(int, setsockopt, int fd, int level, int name, const void *value, socklen_t length)

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found) {
    return EAI_NONAME;
}
void freeaddrinfo(struct addrinfo *all) {}
const char *gai_strerror(int code) { return "no names here"; }
int getnameinfo(const struct sockaddr *address, socklen_t length, char *host, socklen_t host_size, char *port,
                socklen_t port_size, int flags) {
    return EAI_NONAME;
}
struct hostent *gethostbyname(const char *name) { return NULL; }
struct hostent *gethostbyaddr(const void *address, socklen_t length, int family) { return NULL; }
struct servent *getservbyname(const char *name, const char *protocol) { return NULL; }

void tzset(void) {}
