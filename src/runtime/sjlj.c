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

void __wasm_setjmp(struct jump *env, unsigned label, const void *frame) {
    env->frame = frame;
    env->label = label;
}

unsigned __wasm_setjmp_test(const struct jump *env, const void *frame) {
    return env->frame == frame ? env->label : 0;
}

void setTempRet0(int value) { carried = value; }
int getTempRet0(void) { return carried; }

/* The pass replaces this import by code that starts the unwinding. It takes the stack pointer, so
 * that the pass sees which global that is: nothing else says so in a module without names. */
__asm__(".globaltype __stack_pointer, i32\n"
        ".functype __wbuild_unwind (i32) -> ()\n"
        ".import_module __wbuild_unwind, wbuild\n"
        ".import_name __wbuild_unwind, unwind\n");

_Noreturn void emscripten_longjmp(struct jump *env, int value) {
    __THREW__ = env;
    __threwValue = value ? value : 1;
    __asm__ volatile("global.get __stack_pointer\n\tcall __wbuild_unwind" ::: "memory");
    __builtin_trap();
}

/* For objects that only jump, and were compiled without the option. */
_Noreturn void longjmp(struct jump *env, int value) { emscripten_longjmp(env, value); }
