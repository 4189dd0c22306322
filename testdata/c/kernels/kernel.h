/* What every kernel shares: two sizes, numbers to begin with, and a hash over the bits of its results, which `main`
 * prints. `kernel large` is sized for measuring; without arguments a kernel is small, for tests. No stdio: the module
 * is to be the kernel and little else. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t hash_state = 0xcbf29ce484222325u;

/* By words of eight bytes, the rest by bytes. */
static void hash_bytes(const void *start, size_t length) {
    const unsigned char *p = start;
    for (; length >= 8; length -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        hash_state = (hash_state ^ word) * 0x100000001b3u;
        hash_state ^= hash_state >> 29;
    }
    for (; length; length--, p++)
        hash_state = (hash_state ^ *p) * 0x100000001b3u;
}

#define HASH(object) hash_bytes(&(object), sizeof(object))

static uint64_t random_state = 88172645463325252u;

/* From 0 to 1, the same numbers every time. */
static inline double next_number(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (double)(random_state >> 11) * 0x1p-53;
}

static inline void fill(double *numbers, size_t count) {
    for (size_t i = 0; i < count; i++)
        numbers[i] = next_number();
}

static void run(int n);

static void print_hash(void) {
    char text[17];
    for (int i = 0; i < 16; i++)
        text[i] = "0123456789abcdef"[hash_state >> (60 - 4 * i) & 15];
    text[16] = '\n';
    if (write(1, text, sizeof text) != sizeof text)
        exit(1);
}

/* SMALL, LARGE and ROUNDS (of the large size) are an enum's of the file. */
#define KERNEL                                                                                                         \
    int main(int argc, char **argv) {                                                                                  \
        int large = argc > 1 && !strcmp(argv[1], "large");                                                             \
        for (int round = 0; round < (large ? ROUNDS : 1); round++)                                                     \
            run(large ? LARGE : SMALL);                                                                                \
        print_hash();                                                                                                  \
        return 0;                                                                                                      \
    }
