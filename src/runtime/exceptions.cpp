/* C++ exceptions without wasm exceptions: what libc++abi elsewhere has from an unwinder, and what code wants that was
 * compiled with `-mllvm -enable-emscripten-cxx-exceptions`. The pass `sjlj` lets an exception walk up the frames,
 * as it does a longjmp.
 *
 * Every call in a try block or above a destructor is made through an import `env.invoke_<signature>`. If
 * __THREW__ is 1 behind it, an exception arrived, and the code asks with __cxa_find_matching_catch_N which of its
 * N - 2 clauses takes it. Compiled beside libc++abi, whose header of an exception it reads; linked as an object,
 * since code that LTO makes refers to it only after the linker has chosen its files. */

#include "cxa_exception.h"
#include "cxa_handlers.h"
#include "private_typeinfo.h"

using namespace __cxxabiv1;

extern "C" {

/* In sjlj.c, which shares them: a longjmp leaves a pointer and a value that is not 0. */
extern unsigned long __THREW__;
extern int __threwValue;
void setTempRet0(int);

/* The pass replaces these imports by code. `unwind` is as in sjlj.c; `uncaught` is given what to
 * call should nothing between here and the host catch. */
__asm__(".globaltype __stack_pointer, i32\n"
        ".functype __wbuild_unwind_exception (i32) -> ()\n"
        ".import_module __wbuild_unwind_exception, wbuild\n"
        ".import_name __wbuild_unwind_exception, unwind\n");
__attribute__((import_module("wbuild"), import_name("uncaught"))) void __wbuild_uncaught(void (*)(void));

/* The exception under way, until the first clause is asked for. */
static _Unwind_Exception *thrown;

static __cxa_exception *header(_Unwind_Exception *exception) {
    return reinterpret_cast<__cxa_exception *>(exception + 1) - 1;
}

static void uncaught() {
    __cxa_begin_catch(thrown);
    std::__terminate(header(thrown)->terminateHandler);
}

_Unwind_Reason_Code _Unwind_RaiseException(_Unwind_Exception *exception) {
    thrown = exception;
    __wbuild_uncaught(uncaught);
    __THREW__ = 1;
    __threwValue = 0;
    __asm__ volatile("global.get __stack_pointer\n\tcall __wbuild_unwind_exception" ::: "memory");
    __builtin_trap();
}

[[noreturn]] void __resumeException(_Unwind_Exception *exception) {
    _Unwind_RaiseException(exception);
    __builtin_unreachable();
}

void _Unwind_DeleteException(_Unwind_Exception *exception) {
    if (exception->exception_cleanup)
        exception->exception_cleanup(_URC_FOREIGN_EXCEPTION_CAUGHT, exception);
}

/* A clause is told from the others by the address of its type. */
int llvm_eh_typeid_for(const void *type) { return reinterpret_cast<int>(type); }

typedef const __shim_type_info *Type; /* null is catch (...) */

/* The exception, and by setTempRet0 the first type that takes it: 0 if none does and only destructors are to run. */
static void *find(const Type *types, int count) {
    __cxa_exception *exception = header(thrown);
    void *object = thrown + 1;
    if (__getExceptionClass(thrown) == kOurDependentExceptionClass)
        object = reinterpret_cast<__cxa_dependent_exception *>(exception)->primaryException;
    exception->adjustedPtr = object;
    setTempRet0(0);
    for (int i = 0; i < count; i++) {
        if (!types[i])
            break;
        void *adjusted = object;
        if (types[i]->can_catch(static_cast<Type>(exception->exceptionType), adjusted)) {
            exception->adjustedPtr = adjusted;
            setTempRet0(llvm_eh_typeid_for(types[i]));
            break;
        }
    }
    return thrown;
}

void *__cxa_find_matching_catch_2() { return find(nullptr, 0); }

/* One more clause each: N, the parameters, the arguments. Past 40 clauses the pass says so. */
#define CATCH(n, parameters, arguments) \
    void *__cxa_find_matching_catch_##n(parameters) { const Type types[] = {arguments}; return find(types, n - 2); }
#define COMMA ,
#define P1 Type c1
#define A1 c1
CATCH(3, P1, A1)
#define P2 P1 COMMA Type c2
#define A2 A1 COMMA c2
CATCH(4, P2, A2)
#define P3 P2 COMMA Type c3
#define A3 A2 COMMA c3
CATCH(5, P3, A3)
#define P4 P3 COMMA Type c4
#define A4 A3 COMMA c4
CATCH(6, P4, A4)
#define P5 P4 COMMA Type c5
#define A5 A4 COMMA c5
CATCH(7, P5, A5)
#define P6 P5 COMMA Type c6
#define A6 A5 COMMA c6
CATCH(8, P6, A6)
#define P7 P6 COMMA Type c7
#define A7 A6 COMMA c7
CATCH(9, P7, A7)
#define P8 P7 COMMA Type c8
#define A8 A7 COMMA c8
CATCH(10, P8, A8)
#define P9 P8 COMMA Type c9
#define A9 A8 COMMA c9
CATCH(11, P9, A9)
#define P10 P9 COMMA Type c10
#define A10 A9 COMMA c10
CATCH(12, P10, A10)
#define P11 P10 COMMA Type c11
#define A11 A10 COMMA c11
CATCH(13, P11, A11)
#define P12 P11 COMMA Type c12
#define A12 A11 COMMA c12
CATCH(14, P12, A12)
#define P13 P12 COMMA Type c13
#define A13 A12 COMMA c13
CATCH(15, P13, A13)
#define P14 P13 COMMA Type c14
#define A14 A13 COMMA c14
CATCH(16, P14, A14)
#define P15 P14 COMMA Type c15
#define A15 A14 COMMA c15
CATCH(17, P15, A15)
#define P16 P15 COMMA Type c16
#define A16 A15 COMMA c16
CATCH(18, P16, A16)
#define P17 P16 COMMA Type c17
#define A17 A16 COMMA c17
CATCH(19, P17, A17)
#define P18 P17 COMMA Type c18
#define A18 A17 COMMA c18
CATCH(20, P18, A18)
#define P19 P18 COMMA Type c19
#define A19 A18 COMMA c19
CATCH(21, P19, A19)
#define P20 P19 COMMA Type c20
#define A20 A19 COMMA c20
CATCH(22, P20, A20)
#define P21 P20 COMMA Type c21
#define A21 A20 COMMA c21
CATCH(23, P21, A21)
#define P22 P21 COMMA Type c22
#define A22 A21 COMMA c22
CATCH(24, P22, A22)
#define P23 P22 COMMA Type c23
#define A23 A22 COMMA c23
CATCH(25, P23, A23)
#define P24 P23 COMMA Type c24
#define A24 A23 COMMA c24
CATCH(26, P24, A24)
#define P25 P24 COMMA Type c25
#define A25 A24 COMMA c25
CATCH(27, P25, A25)
#define P26 P25 COMMA Type c26
#define A26 A25 COMMA c26
CATCH(28, P26, A26)
#define P27 P26 COMMA Type c27
#define A27 A26 COMMA c27
CATCH(29, P27, A27)
#define P28 P27 COMMA Type c28
#define A28 A27 COMMA c28
CATCH(30, P28, A28)
#define P29 P28 COMMA Type c29
#define A29 A28 COMMA c29
CATCH(31, P29, A29)
#define P30 P29 COMMA Type c30
#define A30 A29 COMMA c30
CATCH(32, P30, A30)
#define P31 P30 COMMA Type c31
#define A31 A30 COMMA c31
CATCH(33, P31, A31)
#define P32 P31 COMMA Type c32
#define A32 A31 COMMA c32
CATCH(34, P32, A32)
#define P33 P32 COMMA Type c33
#define A33 A32 COMMA c33
CATCH(35, P33, A33)
#define P34 P33 COMMA Type c34
#define A34 A33 COMMA c34
CATCH(36, P34, A34)
#define P35 P34 COMMA Type c35
#define A35 A34 COMMA c35
CATCH(37, P35, A35)
#define P36 P35 COMMA Type c36
#define A36 A35 COMMA c36
CATCH(38, P36, A36)
#define P37 P36 COMMA Type c37
#define A37 A36 COMMA c37
CATCH(39, P37, A37)
#define P38 P37 COMMA Type c38
#define A38 A37 COMMA c38
CATCH(40, P38, A38)
#define P39 P38 COMMA Type c39
#define A39 A38 COMMA c39
CATCH(41, P39, A39)
#define P40 P39 COMMA Type c40
#define A40 A39 COMMA c40
CATCH(42, P40, A40)
}
