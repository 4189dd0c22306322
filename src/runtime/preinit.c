/* What a program linked by wbuild does when its initialization has ended, before the snapshot is taken. It empties
 * the buffers of stdio, forgets what wasi-libc has learned of the surroundings, so that it asks again where the
 * program starts, and zeroes memory that was freed, which need not be shipped then.
 *
 * The weak definitions stand in where the program has none of wasi-libc's, which take their place. References, though
 * weak, would put what they refer to into the table, and an export looked for would bring it out of the archive; both
 * would keep the functions of the environment, and their imports, in programs that never ask for it. An allocator
 * cannot have a stand-in, which would be taken for it. */

extern _Thread_local int errno;
int fflush(void *);
void *malloc(unsigned long) __attribute__((weak));
void free(void *) __attribute__((weak));

/* The granted folders, asked for when a path is first used (wasi-libc since 2023). */
__attribute__((weak)) void __wasilibc_reset_preopens(void) {}
/* The variables, asked for when one is first read. */
__attribute__((weak)) void __wasilibc_deinitialize_environ(void) {}
/* The variables of programs that read `environ` itself, asked for where the program starts. */
__attribute__((weak)) void __wasilibc_maybe_reinitialize_environ_eagerly(void) {}

struct taken {
    struct taken *next;
    unsigned long size;
};

/* Takes everything that is free, the largest pieces first, zeroes it, and gives it back: so it works with any
 * allocator. Memory must not grow meanwhile, which whoever calls this sees to. */
static void zero_freed(void) {
    struct taken *all = 0;
    for (unsigned long size = 1ul << 30; size >= sizeof(struct taken); size -= size / 8 > 8 ? size / 8 : 8) {
        struct taken *taken;
        while ((taken = malloc(size))) {
            __builtin_memset(taken, 0, size);
            taken->next = all;
            taken->size = size;
            all = taken;
        }
    }
    while (all) {
        struct taken *taken = all;
        all = taken->next;
        taken->next = 0;
        taken->size = 0;
        /* The compiler knows that nobody reads what is freed. */
        __asm__ volatile("" ::"r"(taken) : "memory");
        free(taken);
    }
}

__attribute__((export_name("__wbuild_preinit_done"))) void __wbuild_preinit_done(void) {
    int before = errno;
    fflush(0);
    __wasilibc_reset_preopens();
    __wasilibc_deinitialize_environ();
    if (malloc && free) {
        zero_freed();
    }
    errno = before;
}
