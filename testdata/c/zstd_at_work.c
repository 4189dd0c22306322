/* Compresses and restores text and noise that it makes itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zstd.h"

enum { LENGTH = 1 << 20 };

int main(void) {
    static const char *const words[] = {"wasm", "module", "table", "memory", "function", "the", "of", "and"};
    size_t bound = ZSTD_compressBound(LENGTH);
    unsigned char *bytes = malloc(LENGTH + 64), *packed = malloc(bound), *back = malloc(LENGTH);
    unsigned state = 12345;
    for (size_t at = 0; at < LENGTH;) {
        state = state * 1664525 + 1013904223;
        const char *word = words[state >> 29];
        size_t length = strlen(word);
        memcpy(bytes + at, word, length);
        bytes[at + length] = state >> 20 & 3 ? ' ' : state >> 8;
        at += length + 1;
    }
    for (int level = 1; level <= 9; level += 4) {
        size_t size = ZSTD_compress(packed, bound, bytes, LENGTH, level);
        if (ZSTD_isError(size) || ZSTD_decompress(back, LENGTH, packed, size) != LENGTH || memcmp(bytes, back, LENGTH))
            return 1;
        unsigned sum = 0;
        for (size_t at = 0; at < size; at++)
            sum = sum * 31 + packed[at];
        printf("level %d: %zu bytes, %08x\n", level, size, sum);
    }
    return 0;
}
