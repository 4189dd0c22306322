/* What a program linked by wbuild does when its initialization has ended, before the snapshot is taken. It empties
 * the buffers of stdio, and forgets what wasi-libc has learned of the surroundings, so that it asks again where the
 * program starts.
 *
 * The weak definitions stand in where the program has none of wasi-libc's, which take their place. References, though
 * weak, would put what they refer to into the table, and an export looked for would bring it out of the archive; both
 * would keep the functions of the environment, and their imports, in programs that never ask for it. */

#ifdef __EMSCRIPTEN__
int *__errno_location(void);
#define errno (*__errno_location())
#else
extern _Thread_local int errno;
#endif
int fflush(void *);

/* The granted folders, asked for when a path is first used (wasi-libc since 2023). */
__attribute__((weak)) void __wasilibc_reset_preopens(void) {}
/* The variables, asked for when one is first read. */
__attribute__((weak)) void __wasilibc_deinitialize_environ(void) {}
/* The variables of programs that read `environ` itself, asked for where the program starts. */
__attribute__((weak)) void __wasilibc_maybe_reinitialize_environ_eagerly(void) {}

__attribute__((export_name("__wbuild_preinit_done"))) void __wbuild_preinit_done(void) {
    fflush(0);
    __wasilibc_reset_preopens();
    __wasilibc_deinitialize_environ();
    /* As a program expects it at its start. */
    errno = 0;
}
