/* Initialization reads a list of words from a file and builds a tree of their letters; main looks words up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "initialize.h"

struct node {
    struct node *children[26];
    int line;
};

static struct node root;
static int words, nodes;

static void load(void) {
    FILE *file = fopen("words.txt", "r");
    if (!file) {
        fprintf(stderr, "there is no words.txt\n");
        exit(1);
    }
    char word[64];
    while (fgets(word, sizeof word, file)) {
        struct node *at = &root;
        for (const char *letter = word; *letter >= 'a' && *letter <= 'z'; letter++) {
            struct node **next = &at->children[*letter - 'a'];
            if (!*next) {
                *next = calloc(1, sizeof **next);
                if (!*next)
                    exit(1);
                nodes++;
            }
            at = *next;
        }
        at->line = ++words;
    }
    fclose(file);
    fprintf(stderr, "initialized\n");
}

INITIALIZE(load)

static const struct node *find(const char *word) {
    const struct node *at = &root;
    for (; at && *word; word++)
        at = *word >= 'a' && *word <= 'z' ? at->children[*word - 'a'] : NULL;
    return at;
}

int main(int argc, char **argv) {
    if (!INITIALIZED)
        load();
    printf("%d words, %d nodes\n", words, nodes);
    for (int i = 1; i < argc; i++) {
        const struct node *found = find(argv[i]);
        int longer = 0;
        for (int letter = 0; found && letter < 26; letter++)
            longer += found->children[letter] != NULL;
        printf("%s: line %d, %d letters may follow\n", argv[i], found ? found->line : 0, longer);
    }
    return 0;
}
