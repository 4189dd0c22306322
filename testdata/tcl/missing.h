/* What Tcl takes for granted of a POSIX system, and WASI does not declare. missing.c has it. */
#pragma once
#include <sys/socket.h>
#include <sys/types.h>

#define SO_REUSEADDR 2
#define SO_ERROR 4
#define SO_SNDBUF 7
#define SO_RCVBUF 8

int fork(void);
int pipe(int[2]);
int dup(int);
int dup2(int, int);
int execvp(const char *, char *const[]);
int mkfifo(const char *, mode_t);
int mknod(const char *, mode_t, dev_t);
int socket(int, int, int);
int bind(int, const struct sockaddr *, socklen_t);
int listen(int, int);
int connect(int, const struct sockaddr *, socklen_t);
int getsockname(int, struct sockaddr *, socklen_t *);
int getpeername(int, struct sockaddr *, socklen_t *);
int setsockopt(int, int, int, const void *, socklen_t);
void tzset(void);
