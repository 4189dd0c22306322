/* Floats at their edges in SQLite: infinities, what would be NaN, sums of them, printing, casts, indexes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3.h"

static int print_row(void *unused, int columns, char **values, char **names) {
    (void)unused, (void)names;
    for (int i = 0; i < columns; i++)
        printf("%s%s", i ? "|" : "", values[i] ? values[i] : "NULL");
    printf("\n");
    return 0;
}

static void bits(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count;
    double x = sqlite3_value_double(values[0]);
    unsigned long long n;
    char text[17];
    memcpy(&n, &x, 8);
    snprintf(text, sizeof text, "%016llx", n);
    sqlite3_result_text(context, text, 16, SQLITE_TRANSIENT);
}

static void quotient(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count;
    sqlite3_result_double(context, sqlite3_value_double(values[0]) / sqlite3_value_double(values[1]));
}

int main(void) {
    static const char *const queries[] = {
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x REAL)",
        "INSERT INTO t (x) VALUES (0.0), (-0.0), (1e999), (-1e999), (1e308), (-1e308), (5e-324), (0.1), (NULL), (9007199254740993)",
        "INSERT INTO t (x) SELECT quotient(a.x, b.x) FROM t a, t b",
        "SELECT id, x, bits(x), typeof(x) FROM t ORDER BY x, id",
        "SELECT a.x + b.x, a.x - b.x, a.x * b.x, a.x / b.x, a.x % 7 FROM t a, t b WHERE a.id < 11 AND b.id < 11",
        "SELECT sum(x), total(x), avg(x), min(x), max(x), count(x) FROM t",
        "SELECT sum(x), avg(x), total(x) FROM t WHERE x < 1e300 AND x > -1e300",
        "SELECT quotient(0.0, 0.0), bits(quotient(0.0, 0.0)), 1e999 - 1e999, -(1e999 - 1e999), abs(-1e999)",
        "CREATE INDEX by_x ON t (x)",
        "SELECT count(*) FROM t WHERE x > 0.05 AND x < 1e999",
        "SELECT printf('%f %g %e %.17g %!.20g', x, x, x, x, x) FROM t WHERE id < 11",
        "SELECT CAST(x AS INTEGER), CAST(x AS TEXT), round(x, 2), CAST(CAST(x AS TEXT) AS REAL) = x FROM t WHERE id < 11",
        "SELECT x, count(*) FROM t GROUP BY x ORDER BY 2 DESC, 1 LIMIT 6",
        "SELECT json(json_array(x, -x)) FROM t WHERE id IN (1, 2, 3, 4, 8)",
        "SELECT sum(x) OVER (ORDER BY id ROWS 3 PRECEDING) FROM t WHERE id < 20",
        "PRAGMA integrity_check",
    };
    sqlite3 *db;
    if (sqlite3_open(":memory:", &db) != SQLITE_OK)
        return 1;
    sqlite3_create_function(db, "bits", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, bits, NULL, NULL);
    sqlite3_create_function(db, "quotient", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, quotient, NULL, NULL);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        char *message = NULL;
        if (sqlite3_exec(db, queries[i], print_row, NULL, &message) != SQLITE_OK)
            printf("failed: %s\n", message);
        sqlite3_free(message);
    }
    sqlite3_close(db);
    return 0;
}
