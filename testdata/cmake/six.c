#include <stdio.h>

int main(void) {
    puts("six");
    return 6;
}
