/* Compresses and restores text and noise that it makes itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"
#include "zstd.h"

enum { LENGTH = 1 << 20 };

int main(void) {
    size_t bound = ZSTD_compressBound(LENGTH);
    unsigned char *bytes = malloc(LENGTH + 64), *packed = malloc(bound), *back = malloc(LENGTH);
    fill(bytes, LENGTH);
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
