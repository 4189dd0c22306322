/* posix.c: what programs for POSIX call and WASI has not. There is one user, 0, who owns everything, as stat says; there
 * are no processes; temporary files are named by counting, so that a run is the same each time.
 *
 * Weak, and in an archive: what a program brings itself comes first. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WEAK __attribute__((weak))

WEAK uid_t getuid(void) { return 0; }
WEAK uid_t geteuid(void) { return 0; }
WEAK gid_t getgid(void) { return 0; }
WEAK gid_t getegid(void) { return 0; }

static int give(int found, uid_t user, gid_t group) {
    if (found != 0) return -1;
    if ((user == 0 || user == (uid_t)-1) && (group == 0 || group == (gid_t)-1)) return 0;
    errno = EPERM;
    return -1;
}

WEAK int chown(const char *path, uid_t user, gid_t group) {
    struct stat file;
    return give(stat(path, &file), user, group);
}

WEAK int lchown(const char *path, uid_t user, gid_t group) {
    struct stat file;
    return give(lstat(path, &file), user, group);
}

WEAK int fchown(int fd, uid_t user, gid_t group) {
    struct stat file;
    return give(fstat(fd, &file), user, group);
}

int libc_stat(const char *, struct stat *) __asm__("stat");
int libc_lstat(const char *, struct stat *) __asm__("lstat");
int libc_fstat(int, struct stat *) __asm__("fstat");
int libc_fstatat(int, const char *, struct stat *, int) __asm__("fstatat");

/* WASI tells no modes, and programs copy them; nor the size of blocks, by which programs divide. */
static int complete(int found, struct stat *file) {
    if (found != 0) return found;
    if ((file->st_mode & 0777) == 0) file->st_mode |= S_ISDIR(file->st_mode) ? 0755 : 0644;
    if (file->st_blksize == 0) file->st_blksize = 4096;
    if (file->st_blocks == 0) file->st_blocks = (file->st_size + 511) / 512;
    return 0;
}

WEAK int stat(const char *restrict path, struct stat *restrict file) { return complete(libc_stat(path, file), file); }
WEAK int lstat(const char *restrict path, struct stat *restrict file) { return complete(libc_lstat(path, file), file); }
WEAK int fstat(int fd, struct stat *file) { return complete(libc_fstat(fd, file), file); }

WEAK int fstatat(int folder, const char *restrict path, struct stat *restrict file, int flags) {
    return complete(libc_fstatat(folder, path, file, flags), file);
}

/* Files have no modes to change; libc's own refuse, and programs take that for a failed copy. */
WEAK int chmod(const char *path, mode_t mode) {
    struct stat file;
    (void)mode;
    return stat(path, &file);
}

WEAK int fchmod(int fd, mode_t mode) {
    struct stat file;
    (void)mode;
    return fstat(fd, &file);
}

int libc_chdir(const char *) __asm__("chdir");

/* Takes "." and "..", and what is before it, out of an absolute path. */
static void shorten(char *path) {
    char *to = path;
    for (char *at = path; *at;) {
        char *name = at + strspn(at, "/");
        size_t length = strcspn(name, "/");
        if (length == 2 && memcmp(name, "..", 2) == 0) {
            while (to > path && *--to != '/') {}
        } else if (length > 0 && !(length == 1 && *name == '.')) {
            *to++ = '/';
            memmove(to, name, length);
            to += length;
        }
        at = name + length;
    }
    if (to == path) *to++ = '/';
    *to = 0;
}

/* By libc alone the current folder would be /a/.. behind ".." in /a, and gone with /a. Behind a symbolic link the shorter
 * path may be another folder, and stays long. */
WEAK int chdir(const char *path) {
    if (libc_chdir(path) != 0) return -1;
    char *now = getcwd(NULL, 0);
    struct stat here, there;
    if (now && *now == '/' && strstr(now, "/.") && stat(now, &here) == 0) {
        shorten(now);
        if (stat(now, &there) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino) libc_chdir(now);
    }
    free(now);
    return 0;
}

WEAK mode_t umask(mode_t mask) {
    static mode_t now = 022;
    mode_t before = now;
    now = mask & 0777;
    return before;
}

#ifdef WBUILD_POSIX_FCNTL_H
int libc_fcntl(int fd, int command, ...) __asm__("fcntl");

/* Record locks keep other processes away, of which WASI tells nothing; a process never waits for its own. */
WEAK int fcntl(int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    if (command != F_GETLK && command != F_SETLK && command != F_SETLKW) {
        int value = va_arg(arguments, int);
        va_end(arguments);
        return libc_fcntl(fd, command, value);
    }
    struct flock *lock = va_arg(arguments, struct flock *);
    va_end(arguments);
    if (libc_fcntl(fd, F_GETFL) < 0) return -1;
    if (lock->l_type != F_RDLCK && lock->l_type != F_WRLCK && lock->l_type != F_UNLCK) {
        errno = EINVAL;
        return -1;
    }
    if (command == F_GETLK) lock->l_type = F_UNLCK;
    return 0;
}
#endif

WEAK struct passwd *getpwuid(uid_t user) {
    static struct passwd root = {"root", "", 0, 0, "", "/", ""};
    const char *home = getenv("HOME");
    if (user != 0) return NULL;
    if (home) root.pw_dir = (char *)home;
    return &root;
}

WEAK struct passwd *getpwnam(const char *name) { return strcmp(name, "root") == 0 ? getpwuid(0) : NULL; }

WEAK struct group *getgrgid(gid_t id) {
    static char *members[] = {NULL};
    static struct group root = {"root", "", 0, members};
    return id == 0 ? &root : NULL;
}

WEAK struct group *getgrnam(const char *name) { return strcmp(name, "root") == 0 ? getgrgid(0) : NULL; }

/* No shell to ask. */
WEAK int system(const char *command) {
    if (command == NULL) return 0;
    errno = ENOSYS;
    return -1;
}

WEAK FILE *popen(const char *command, const char *mode) {
    (void)command, (void)mode;
    errno = ENOSYS;
    return NULL;
}

WEAK int pclose(FILE *stream) {
    (void)stream;
    errno = ENOSYS;
    return -1;
}

/* Opens a new file whose name ends in six digits, at `at`. */
static int open_new(char *name, char *at) {
    for (int n = 0; n < 1000000; n++) {
        for (int rest = n, digit = 5; digit >= 0; digit--, rest /= 10) at[digit] = (char)('0' + rest % 10);
        int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
        if (fd >= 0 || errno != EEXIST) return fd;
    }
    errno = EEXIST;
    return -1;
}

WEAK int mkstemps(char *name, int suffix) {
    size_t length = strlen(name);
    if (suffix < 0 || length < 6 + (size_t)suffix || memcmp(name + length - suffix - 6, "XXXXXX", 6) != 0) {
        errno = EINVAL;
        return -1;
    }
    return open_new(name, name + length - suffix - 6);
}

WEAK int mkstemp(char *name) { return mkstemps(name, 0); }

/* In /tmp, or where that is not granted in the current folder. */
static int open_temporary(char *name) {
    strcpy(name, "/tmp/t_XXXXXX");
    int fd = mkstemp(name);
    if (fd >= 0) return fd;
    strcpy(name, "t_XXXXXX");
    return mkstemp(name);
}

WEAK FILE *tmpfile(void) {
    char name[20];
    int fd = open_temporary(name);
    if (fd < 0) return NULL;
    unlink(name);
    return fdopen(fd, "w+");
}

WEAK char *tmpnam(char *name) {
    static char own[20];
    char *into = name ? name : own;
    int fd = open_temporary(into);
    if (fd < 0) return NULL;
    close(fd);
    unlink(into);
    return into;
}
