/* What clang may call though the source never does, for targets without a C library.
 *
 * Compiled with -fno-builtin, so that no loop here is taken for the very function it is in. */

typedef __SIZE_TYPE__ size_t;

/* A program may bring its own. */
#define WEAK __attribute__((weak))

#ifdef __wasm_bulk_memory_opt__

/* One instruction each: memory.copy and memory.fill. */
WEAK void *memmove(void *to, const void *from, size_t n) { return __builtin_memmove(to, from, n); }
WEAK void *memcpy(void *restrict to, const void *restrict from, size_t n) { return __builtin_memcpy(to, from, n); }
WEAK void *memset(void *to, int byte, size_t n) { return __builtin_memset(to, byte, n); }

#else

WEAK void *memcpy(void *restrict to, const void *restrict from, size_t n) {
    unsigned char *t = to;
    const unsigned char *f = from;
    while (n--) *t++ = *f++;
    return to;
}

WEAK void *memmove(void *to, const void *from, size_t n) {
    unsigned char *t = to;
    const unsigned char *f = from;
    if (t <= f) {
        while (n--) *t++ = *f++;
    } else {
        while (n--) t[n] = f[n];
    }
    return to;
}

WEAK void *memset(void *to, int byte, size_t n) {
    unsigned char *t = to;
    while (n--) *t++ = (unsigned char)byte;
    return to;
}

#endif

WEAK int memcmp(const void *left, const void *right, size_t n) {
    const unsigned char *l = left, *r = right;
    for (; n; n--, l++, r++) {
        if (*l != *r) return *l - *r;
    }
    return 0;
}

WEAK size_t strlen(const char *text) {
    const char *end = text;
    while (*end) end++;
    return end - text;
}
