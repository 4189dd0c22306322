/* Processes, of which WASI has none. */
#pragma once
#include <sys/types.h>

#define WNOHANG 1
#define WIFEXITED(status) (((status) & 0x7f) == 0)
#define WEXITSTATUS(status) (((status) >> 8) & 0xff)
#define WIFSIGNALED(status) (((status) & 0x7f) != 0)
#define WTERMSIG(status) ((status) & 0x7f)
#define WIFSTOPPED(status) 0
#define WSTOPSIG(status) 0

pid_t waitpid(pid_t, int *, int);
