/* Compresses and restores text and noise that it makes itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zlib.h"

enum { LENGTH = 1 << 20 };

int main(void) {
    static const char *const words[] = {"wasm", "module", "table", "memory", "function", "the", "of", "and"};
    unsigned char *bytes = malloc(LENGTH + 64), *packed = malloc(compressBound(LENGTH)), *back = malloc(LENGTH);
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
        uLongf size = compressBound(LENGTH), restored = LENGTH;
        if (compress2(packed, &size, bytes, LENGTH, level) != Z_OK || uncompress(back, &restored, packed, size) != Z_OK ||
            memcmp(bytes, back, LENGTH))
            return 1;
        printf("level %d: %lu bytes, crc32 %08lx\n", level, size, crc32(0, packed, size));
    }
    return 0;
}
