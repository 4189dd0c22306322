/* Initialization opens a database in memory and fills it; main asks it. */
#include <stdio.h>
#include <stdlib.h>

#include "initialize.h"
#include "sqlite3.h"

static sqlite3 *db;
static sqlite3_stmt *by_name;

static void must(int is_right, const char *what) {
    if (!is_right) {
        fprintf(stderr, "%s: %s\n", what, db ? sqlite3_errmsg(db) : "no database");
        exit(1);
    }
}

static int print_row(void *unused, int columns, char **values, char **names) {
    (void)unused;
    for (int i = 0; i < columns; i++)
        printf("%s%s=%s", i ? ", " : "", names[i], values[i] ? values[i] : "NULL");
    printf("\n");
    return 0;
}

static void run(const char *sql) {
    must(sqlite3_exec(db, sql, print_row, NULL, NULL) == SQLITE_OK, sql);
}

static void load(void) {
    must(sqlite3_open(":memory:", &db) == SQLITE_OK, "open");
    run("CREATE TABLE town (id INTEGER PRIMARY KEY, name TEXT NOT NULL, people INTEGER, height REAL); BEGIN");
    sqlite3_stmt *insert;
    const char *sql = "INSERT INTO town (name, people, height) VALUES (?, ?, ?)";
    must(sqlite3_prepare_v2(db, sql, -1, &insert, NULL) == SQLITE_OK, sql);
    for (int i = 0; i < 20000; i++) {
        char name[32];
        snprintf(name, sizeof name, "town %d", i * 7919 % 20000);
        sqlite3_bind_text(insert, 1, name, -1, SQLITE_TRANSIENT);
        sqlite3_bind_int(insert, 2, i * 17 % 100003);
        sqlite3_bind_double(insert, 3, i / 8.0 - 100);
        must(sqlite3_step(insert) == SQLITE_DONE, "insert");
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    run("COMMIT");
    sql = "SELECT id, people FROM town WHERE name = ?";
    must(sqlite3_prepare_v2(db, sql, -1, &by_name, NULL) == SQLITE_OK, sql);
    fprintf(stderr, "initialized\n");
}

INITIALIZE(load)

int main(int argc, char **argv) {
    (void)argc, (void)argv;
    if (!INITIALIZED)
        load();
    run("SELECT count(*), sum(people), min(height), max(height), round(avg(height), 3) FROM town");
    run("SELECT name, people FROM town ORDER BY people DESC LIMIT 3");
    sqlite3_bind_text(by_name, 1, "town 4711", -1, SQLITE_STATIC);
    must(sqlite3_step(by_name) == SQLITE_ROW, "step");
    printf("%d %d\n", sqlite3_column_int(by_name, 0), sqlite3_column_int(by_name, 1));
    sqlite3_finalize(by_name);
    run("UPDATE town SET people = people + 1 WHERE id % 1000 = 0; SELECT sum(people), total_changes() FROM town");
    run("PRAGMA integrity_check");
    return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
