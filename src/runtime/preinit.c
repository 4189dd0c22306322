/* What a program linked by wbuild does when its initialization has ended, before the snapshot is taken: it empties
 * the buffers of stdio, and forgets what wasi-libc has learned of the surroundings, so that it asks again where the
 * program starts. Weak references bring nothing into the program that is not there. */

int fflush(void *);

/* The granted folders, asked for when a path is first used (wasi-libc since 2023). */
void __wasilibc_reset_preopens(void) __attribute__((weak));
/* The variables, asked for when one is first read. */
void __wasilibc_deinitialize_environ(void) __attribute__((weak));

__attribute__((export_name("__wbuild_preinit_done"))) void __wbuild_preinit_done(void) {
    fflush(0);
    if (__wasilibc_reset_preopens) {
        __wasilibc_reset_preopens();
    }
    if (__wasilibc_deinitialize_environ) {
        __wasilibc_deinitialize_environ();
    }
}
