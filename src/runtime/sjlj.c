/* The runtime half of setjmp and longjmp. The other half is the pass `sjlj`.
 *
 * clang, told `-mllvm -enable-emscripten-sjlj`, turns setjmp into a record of where to go on
 * (__wasm_setjmp), calls everything that may jump through an import `env.invoke_<signature>`, and
 * asks after each whether a jump arrived for this frame (__wasm_setjmp_test). The pass turns those
 * imports into functions and lets an unwinding walk up the frames between.
 *
 * Compiled on its own, never with -flto: it is referred to only by code that does not exist before
 * the link ends. */

struct jump {
    const void *frame; /* which call of the function that called setjmp: an address in its frame */
    unsigned label;    /* which setjmp in it, from 1 */
};

/* Where an arriving jump is to go and what it carries; read and cleared after each invoke. */
struct jump *__THREW__;
int __threwValue;
static int carried;

#if __clang_major__ >= 19
void __wasm_setjmp(struct jump *env, unsigned label, const void *frame) {
    env->frame = frame;
    env->label = label;
}

unsigned __wasm_setjmp_test(const struct jump *env, const void *frame) {
    return env->frame == frame ? env->label : 0;
}
#else
/* Before LLVM 19 a function that calls setjmp allocates a table of its jumps and frees it when it returns. Here the
 * table only says which call this is. The test is told the first word of what was jumped to; which that was is known. */
static const struct jump *arriving;

void *saveSetjmp(struct jump *env, unsigned label, void *table, int size) {
    env->frame = table;
    env->label = label;
    carried = size;
    return table;
}

unsigned testSetjmp(const void *frame, const void *table, int size) {
    (void)size;
    return frame == table ? arriving->label : 0;
}

/* LLVM calls them where no source does, and under -flto too late for the linker to look for them. */
void *malloc(__SIZE_TYPE__);
void free(void *);
void *const __wbuild_table[] = {(void *)malloc, (void *)free};
#endif

void setTempRet0(int value) { carried = value; }
int getTempRet0(void) { return carried; }

/* The pass replaces this import by code that starts the unwinding. It takes the stack pointer, so
 * that the pass sees which global that is: nothing else says so in a module without names. */
#if __clang_major__ >= 19
__asm__(".globaltype __stack_pointer, i32\n"
        ".functype __wbuild_unwind (i32) -> ()\n"
        ".import_module __wbuild_unwind, wbuild\n"
        ".import_name __wbuild_unwind, unwind\n");
#define UNWIND "__wbuild_unwind" ::
#else
/* Debian's clang 14 crashes on those directives; a newer one would make a reference to the table of this. */
__asm__(".globaltype __stack_pointer, i32\n");
__attribute__((import_module("wbuild"), import_name("unwind"))) void __wbuild_unwind(const void *);
#define UNWIND "%0" ::"i"(__wbuild_unwind)
#endif

_Noreturn void emscripten_longjmp(struct jump *env, int value) {
#if __clang_major__ < 19
    arriving = env;
#endif
    __THREW__ = env;
    __threwValue = value ? value : 1;
    __asm__ volatile("global.get __stack_pointer\n\tcall " UNWIND : "memory");
    __builtin_trap();
}

/* For objects that only jump, and were compiled without the option. */
_Noreturn void longjmp(struct jump *env, int value) { emscripten_longjmp(env, value); }
