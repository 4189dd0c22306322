/* Compresses the file that is named, restores it, and compares; checksums of everything. With a
 * second name, writes the compressed bytes there as a gzip file and reads them back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zlib.h"

static unsigned char *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    unsigned char *bytes = malloc(1 << 24);
    *length = fread(bytes, 1, 1 << 24, file);
    fclose(file);
    return bytes;
}

int main(int argc, char **argv) {
    if (argc < 2)
        return 2;
    size_t length;
    unsigned char *bytes = read_file(argv[1], &length);
    printf("%zu bytes, crc32 %08lx, adler32 %08lx\n", length, crc32(0, bytes, length), adler32(1, bytes, length));
    for (int level = 0; level <= 9; level += 3) {
        uLongf packed_length = compressBound(length), restored_length = length;
        unsigned char *packed = malloc(packed_length), *restored = malloc(length + 1);
        if (compress2(packed, &packed_length, bytes, length, level) != Z_OK)
            return 1;
        printf("level %d: %lu bytes, crc32 %08lx\n", level, packed_length, crc32(0, packed, packed_length));
        if (uncompress(restored, &restored_length, packed, packed_length) != Z_OK || restored_length != length ||
            memcmp(restored, bytes, length) != 0)
            return 1;
        packed[packed_length / 2] ^= 0x55;
        restored_length = length;
        if (level && uncompress(restored, &restored_length, packed, packed_length) == Z_OK)
            return 1;
        free(packed);
        free(restored);
    }
    if (argc > 2) {
        gzFile out = gzopen(argv[2], "wb9");
        if (!out || gzwrite(out, bytes, length) != (int)length || gzclose(out) != Z_OK)
            return 1;
        unsigned char *back = malloc(length + 1);
        gzFile in = gzopen(argv[2], "rb");
        if (!in || gzread(in, back, length + 1) != (int)length || memcmp(back, bytes, length) != 0)
            return 1;
        gzclose(in);
        free(back);
        puts("the gzip file was read back");
    }
    puts("restored");
    return 0;
}
