// Exercises an allocator: contents stay, nothing overlaps, alignment holds, memory is given back and used again,
// and what cannot be had is refused. Prints the memory it took in the end, in pages.
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) do { if (!(condition)) { printf("line %d: %s\n", __LINE__, #condition); exit(1); } } while (0)

enum { SLOTS = 1000 };
static unsigned char *slots[SLOTS];
static size_t sizes[SLOTS];
static uint64_t state = 88172645463325252u;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

// Mostly small, sometimes large.
static size_t some_size(void) {
    unsigned bits = next() % 100 < 98 ? next() % 10 : next() % 18;
    return next() % ((size_t)2 << bits);
}

static void fill(int i) {
    for (size_t k = 0; k < sizes[i]; k++) slots[i][k] = (unsigned char)(i * 31 + k);
}

static void verify(int i, size_t count) {
    for (size_t k = 0; k < count; k++) CHECK(slots[i][k] == (unsigned char)(i * 31 + k));
}

static void churn(int steps) {
    for (int step = 0; step < steps; step++) {
        int i = next() % SLOTS;
        size_t size = some_size();
        if (!slots[i]) {
            size_t alignment = 16;
            switch (next() % 4) {
            case 0:
                slots[i] = calloc(size / 3 + 1, 3);
                for (size_t k = 0; k < size; k++) CHECK(slots[i][k] == 0);
                break;
            case 1:
                alignment = (size_t)16 << next() % 9;
                CHECK(posix_memalign((void **)&slots[i], alignment, size) == 0);
                break;
            default:
                slots[i] = malloc(size);
            }
            CHECK(slots[i] && (uintptr_t)slots[i] % alignment == 0);
        } else if (next() % 3 == 0) {
            size_t kept = size < sizes[i] ? size : sizes[i];
            unsigned char *moved = realloc(slots[i], size);
            CHECK(moved && (uintptr_t)moved % 16 == 0);
            slots[i] = moved;
            verify(i, kept);
        } else {
            verify(i, sizes[i]);
            free(slots[i]);
            slots[i] = 0;
            continue;
        }
        sizes[i] = size;
        fill(i);
    }
}

static void release(void) {
    for (int i = 0; i < SLOTS; i++) {
        if (slots[i]) verify(i, sizes[i]);
        free(slots[i]);
        slots[i] = 0;
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "twice")) {
        char *p = malloc(100), *q = malloc(100);
        free(p);
        free(p);
        printf("freed twice: %d\n", p == q);
        return 0;
    }
    churn(300000);
    release();
    size_t pages = __builtin_wasm_memory_size(0);
    // All of it is one piece again: half of all that was taken fits, and takes nothing new.
    void *half = malloc(pages * 65536 / 2 - (1 << 20));
    CHECK(half && __builtin_wasm_memory_size(0) == pages);
    free(half);
    // A buffer that only grows does so in place and does not leave its former selves behind.
    unsigned char *buffer = 0;
    for (size_t size = 1; size <= 8 << 20; size *= 2) {
        buffer = realloc(buffer, size);
        CHECK(buffer);
        buffer[size - 1] = (unsigned char)size;
    }
    free(buffer);
    pages = __builtin_wasm_memory_size(0);
    // Somebody else takes a page, so that the next memory does not follow on.
    CHECK(__builtin_wasm_memory_grow(0, 1) == pages);
    unsigned char *theirs = (unsigned char *)(pages * 65536);
    memset(theirs, 0xa5, 65536);
    churn(50000);
    void *apart = malloc(16 << 20);
    CHECK(apart);
    memset(apart, 1, 16 << 20);
    for (int k = 0; k < 65536; k++) CHECK(theirs[k] == 0xa5);
    free(apart);
    release();
    // What cannot be.
    errno = 0;
    CHECK(!malloc(SIZE_MAX) && errno == ENOMEM);
    CHECK(!malloc((size_t)PTRDIFF_MAX));
    errno = 0;
    CHECK(!calloc(SIZE_MAX / 2, 3) && errno == ENOMEM);
    char *kept = malloc(10);
    memcpy(kept, "kept", 5);
    CHECK(!realloc(kept, SIZE_MAX - 100) && !strcmp(kept, "kept"));
    void *never = kept;
    CHECK(posix_memalign(&never, 24, 10) == EINVAL && never == kept);
    CHECK(posix_memalign(&never, (size_t)1 << 30, (size_t)1 << 30) == ENOMEM && never == kept);
    CHECK(!aligned_alloc(64, SIZE_MAX - 63));
    free(kept);
    free(0);
    void *none = malloc(0), *another = malloc(0);
    CHECK(none && another && none != another);
    free(none);
    free(another);
    churn(50000);
    release();
    printf("%zu pages\n", __builtin_wasm_memory_size(0));
    return 0;
}
