/* Compresses and restores text and noise that it makes itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"
#include "zlib.h"

enum { LENGTH = 1 << 20 };

int main(void) {
    unsigned char *bytes = malloc(LENGTH + 64), *packed = malloc(compressBound(LENGTH)), *back = malloc(LENGTH);
    fill(bytes, LENGTH);
    for (int level = 1; level <= 9; level += 4) {
        uLongf size = compressBound(LENGTH), restored = LENGTH;
        if (compress2(packed, &size, bytes, LENGTH, level) != Z_OK || uncompress(back, &restored, packed, size) != Z_OK ||
            memcmp(bytes, back, LENGTH))
            return 1;
        printf("level %d: %lu bytes, crc32 %08lx\n", level, size, crc32(0, packed, size));
    }
    return 0;
}
