// A small allocator, for builds whose size counts: about a seventh of the code of wasi-libc's own (dlmalloc).
//
// Chunks lie side by side, each with its size in front and, while it is free, also behind (the boundary tags of
// Knuth, The Art of Computer Programming 1, 2.5). So freeing merges with both neighbours at once. Free chunks hang in
// lists by size, two lists for each power of two; a bit for each list that is not empty finds the next larger one
// in one instruction (as TLSF does, Masmano and others 2004). Everything is a bounded number of steps.

typedef __SIZE_TYPE__ size_t;
typedef __UINTPTR_TYPE__ uintptr_t;

// What the C library has; its headers are not included, so that every sysroot serves.
#ifdef __EMSCRIPTEN__
int *__errno_location(void);
#define errno (*__errno_location())
#else
extern _Thread_local int errno;
#endif
enum { EINVAL = 28, ENOMEM = 48 };

// From the linker: where its data ends, and the memory that there is at the start, which wasm-ld says since LLVM 16.
extern unsigned char __heap_base, __heap_end;
#if __clang_major__ >= 16
#define HEAP_END ((uintptr_t)&__heap_end)
#else
#define HEAP_END (__builtin_wasm_memory_size(0) * PAGE)
#endif

enum {
    USED = 1,       // this chunk
    PREV_USED = 2,  // the chunk in front of it
    UNIT = 16,      // sizes are multiples of it, and every address given out is
    HEADER = 8,     // what lies in front of an address given out
    PAGE = 65536,
    LISTS = 64,
    LOOKS = 16,     // how many chunks of about the right size are looked at
};

typedef struct chunk {
    size_t prev;          // the size of the chunk in front of it, where that is free
    size_t head;          // its own size, and USED and PREV_USED
    struct chunk *next;   // where it is free: its list. Else these are the user's
    struct chunk *back;
} chunk;

static chunk *lists[LISTS];
static unsigned long long filled;
static uintptr_t end;
static _Bool started;

static size_t size(const chunk *c) { return c->head & -UNIT; }
static chunk *at(chunk *c, size_t offset) { return (chunk *)((char *)c + offset); }
static chunk *chunk_of(void *p) { return (chunk *)((char *)p - HEADER); }
static void *memory_of(chunk *c) { return (char *)c + HEADER; }

// Two lists for each power of two: by the highest bit and the one below.
static unsigned list(size_t bytes) {
    unsigned units = bytes / UNIT, power = 31 - __builtin_clz(units);
    return 2 * power + ((units << 1 >> power) & 1);
}

static void take_out(chunk *c) {
    unsigned i = list(size(c));
    if (c->next) c->next->back = c->back;
    if (c->back) c->back->next = c->next;
    else if (!(lists[i] = c->next)) filled &= ~(1ull << i);
}

// The size of a chunk for so many bytes; 0 where that is too much. The last four bytes of its memory are the
// field `prev` of the chunk behind it.
static size_t needed(size_t bytes) {
    if (bytes > __PTRDIFF_MAX__ - PAGE) {
        errno = ENOMEM;
        return 0;
    }
    return bytes <= UNIT - 4 ? UNIT : (bytes + 4 + UNIT - 1) & -UNIT;
}

void free(void *p) {
    if (!p) return;
    chunk *c = chunk_of(p);
    // Freed twice, or never given out.
    if (!(c->head & USED)) __builtin_trap();
    size_t bytes = size(c);
    chunk *behind = at(c, bytes);
    if (!(c->head & PREV_USED)) {
        bytes += c->prev;
        c = at(c, -c->prev);
        take_out(c);
    }
    if (!(behind->head & USED)) {
        bytes += size(behind);
        take_out(behind);
        behind = at(c, bytes);
    }
    c->head = bytes | PREV_USED;
    behind->prev = bytes;
    behind->head &= ~PREV_USED;
    unsigned i = list(bytes);
    c->back = 0;
    c->next = lists[i];
    if (c->next) c->next->back = c;
    lists[i] = c;
    filled |= 1ull << i;
}

// Takes at least `bytes` more memory from the engine, whole pages, or what there was at the start.
static _Bool grow(size_t bytes) {
    uintptr_t from, to;
    if (!started) {
        started = 1;
        from = ((uintptr_t)&__heap_base + UNIT - 1) & -UNIT;
        to = HEAP_END & -UNIT;
        if (to - from < 4 * UNIT || to < from) return grow(bytes);
    } else {
        size_t pages = (bytes + 2 * UNIT + PAGE - 1) / PAGE, old = __builtin_wasm_memory_grow(0, pages);
        if (old == (size_t)-1) {
            errno = ENOMEM;
            return 0;
        }
        from = old * PAGE;
        to = from + pages * PAGE;
    }
    // At the end of all chunks stands the header of one without memory, always in use. Memory that follows on
    // the last begins with it.
    chunk *c = (chunk *)(from - HEADER), *last = (chunk *)(to - HEADER);
    if (from != end || !end) {
        c = at(c, UNIT);
        c->head = PREV_USED;
    }
    c->head = (c->head & PREV_USED) | USED | ((char *)last - (char *)c);
    last->head = USED | PREV_USED;
    end = to;
    free(memory_of(c));
    return 1;
}

// Gives back what a chunk in use has behind its first `bytes`.
static void *shrunk(chunk *c, size_t bytes) {
    size_t rest = size(c) - bytes;
    if (rest) {
        chunk *tail = at(c, bytes);
        c->head -= rest;
        tail->head = rest | USED | PREV_USED;
        free(memory_of(tail));
    }
    return memory_of(c);
}

void *malloc(size_t bytes) {
    size_t want = needed(bytes);
    if (!want) return 0;
    unsigned i = list(want);
    do {
        chunk *c = lists[i];
        for (unsigned looks = LOOKS; c && size(c) < want; looks--) c = looks ? c->next : 0;
        if (!c) {
            unsigned long long larger = filled >> i >> 1;
            if (larger) c = lists[i + 1 + __builtin_ctzll(larger)];
        }
        if (c) {
            take_out(c);
            c->head |= USED;
            at(c, size(c))->head |= PREV_USED;
            return shrunk(c, want);
        }
    } while (grow(want));
    return 0;
}

void *calloc(size_t count, size_t each) {
    size_t bytes;
    if (__builtin_mul_overflow(count, each, &bytes)) bytes = -1;
    void *p = malloc(bytes);
    if (p) __builtin_memset(p, 0, bytes);
    return p;
}

void *realloc(void *p, size_t bytes) {
    if (!p) return malloc(bytes);
    size_t want = needed(bytes);
    if (!want) return 0;
    chunk *c = chunk_of(p);
    for (;;) {
        chunk *behind = at(c, size(c));
        if (!(behind->head & USED)) {
            take_out(behind);
            c->head += size(behind);
            behind = at(c, size(c));
            behind->head |= PREV_USED;
        }
        if (size(c) >= want) return shrunk(c, want);
        // The last of all grows where it is, if the new memory follows on.
        if ((uintptr_t)behind + HEADER != end || !grow(want - size(c))) break;
    }
    void *moved = malloc(bytes);
    if (moved) {
        __builtin_memcpy(moved, p, size(c) - 4);
        free(p);
    }
    return moved;
}

void *aligned_alloc(size_t alignment, size_t bytes) {
    size_t want = needed(bytes);
    if (alignment <= UNIT || !want) return malloc(bytes);
    char *p = malloc(bytes + alignment);
    if (!p) return 0;
    chunk *c = chunk_of(p);
    size_t skip = -(uintptr_t)p & (alignment - 1);
    if (skip) {
        chunk *rest = at(c, skip);
        rest->head = (size(c) - skip) | USED | PREV_USED;
        c->head -= size(c) - skip;
        free(p);
        c = rest;
    }
    return shrunk(c, want);
}

int posix_memalign(void **result, size_t alignment, size_t bytes) {
    if (alignment < sizeof(void *) || alignment & (alignment - 1)) return EINVAL;
    void *p = aligned_alloc(alignment, bytes);
    if (!p) return ENOMEM;
    *result = p;
    return 0;
}

size_t malloc_usable_size(void *p) { return p ? size(chunk_of(p)) - 4 : 0; }

// wasi-libc calls these names, too.
void *__libc_malloc(size_t) __attribute__((alias("malloc")));
void *__libc_calloc(size_t, size_t) __attribute__((alias("calloc")));
void __libc_free(void *) __attribute__((alias("free")));
