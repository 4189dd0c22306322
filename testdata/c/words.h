/* Text and noise to compress, the same each time. */
#include <stddef.h>
#include <string.h>

/* Fills length bytes, and up to 64 behind them. */
static void fill(unsigned char *bytes, size_t length) {
    static const char *const words[] = {"wasm", "module", "table", "memory", "function", "the", "of", "and"};
    unsigned state = 12345;
    for (size_t at = 0; at < length;) {
        state = state * 1664525 + 1013904223;
        const char *word = words[state >> 29];
        size_t size = strlen(word);
        memcpy(bytes + at, word, size);
        bytes[at + size] = state >> 20 & 3 ? ' ' : state >> 8;
        at += size + 1;
    }
}
