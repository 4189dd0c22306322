/* thread.c: the destructors of C++'s thread_local objects. There is one thread, and it ends with the program. */
int __cxa_atexit(void (*destroy)(void *), void *object, void *module);

__attribute__((weak)) int __cxa_thread_atexit(void (*destroy)(void *), void *object, void *module) {
    return __cxa_atexit(destroy, object, module);
}
