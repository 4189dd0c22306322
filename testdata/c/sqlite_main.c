/* Creates, fills and queries a table in memory. */
#include <stdio.h>
#include <stdlib.h>

#include "sqlite3.h"

static int print_row(void *unused, int columns, char **values, char **names) {
    (void)unused;
    for (int i = 0; i < columns; i++)
        printf("%s%s=%s", i ? ", " : "", names[i], values[i] ? values[i] : "NULL");
    printf("\n");
    return 0;
}

static void must(sqlite3 *db, const char *sql) {
    char *message = NULL;
    if (sqlite3_exec(db, sql, print_row, NULL, &message) != SQLITE_OK) {
        printf("failed: %s\n", message);
        exit(1);
    }
}

int main(void) {
    sqlite3 *db;
    if (sqlite3_open(":memory:", &db) != SQLITE_OK)
        return 1;
    printf("SQLite %s\n", sqlite3_libversion());
    must(db, "CREATE TABLE town (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, people INTEGER, height REAL)");
    must(db, "BEGIN");
    sqlite3_stmt *insert;
    if (sqlite3_prepare_v2(db, "INSERT INTO town (name, people, height) VALUES (?, ?, ?)", -1, &insert, NULL))
        return 1;
    for (int i = 0; i < 5000; i++) {
        char name[32];
        snprintf(name, sizeof name, "town %d", i * 7919 % 5000);
        sqlite3_bind_text(insert, 1, name, -1, SQLITE_TRANSIENT);
        sqlite3_bind_int(insert, 2, i * i % 100003);
        sqlite3_bind_double(insert, 3, i / 8.0 - 100);
        if (sqlite3_step(insert) != SQLITE_DONE)
            return 1;
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    must(db, "COMMIT");
    must(db, "CREATE INDEX by_people ON town (people DESC)");
    must(db, "SELECT count(*), sum(people), min(height), max(height), round(avg(height), 3) FROM town");
    must(db, "SELECT name, people FROM town ORDER BY people DESC LIMIT 3");
    must(db, "SELECT a.name, b.name FROM town a JOIN town b ON a.id = b.people WHERE a.id < 40 ORDER BY 1, 2");
    must(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i * 3 FROM n WHERE i < 1e6) SELECT group_concat(i) FROM n");
    must(db, "SELECT upper(name), length(name), substr(name, 6), printf('%08.3f', height) FROM town WHERE id % 1250 = 0");
    must(db, "SELECT id % 4 AS class, count(*), total(people) FROM town GROUP BY class HAVING count(*) > 10");
    char *message = NULL;
    sqlite3_exec(db, "INSERT INTO town (name) VALUES ('town 1')", NULL, NULL, &message);
    printf("%s\n", message ? message : "a name was taken twice");
    sqlite3_free(message);
    must(db, "BEGIN; DELETE FROM town WHERE people % 2; ROLLBACK; SELECT count(*) FROM town");
    must(db, "PRAGMA integrity_check");
    sqlite3_close(db);
    return 0;
}
