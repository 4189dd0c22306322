/* Initialization opens an interpreter with its libraries and compiles a script; main calls what the script defines. */
#include <stdio.h>
#include <stdlib.h>

#include "initialize.h"
#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

static const luaL_Reg libraries[] = {
    {LUA_GNAME, luaopen_base},        {LUA_COLIBNAME, luaopen_coroutine}, {LUA_TABLIBNAME, luaopen_table},
    {LUA_STRLIBNAME, luaopen_string}, {LUA_MATHLIBNAME, luaopen_math},    {LUA_UTF8LIBNAME, luaopen_utf8},
    {LUA_DBLIBNAME, luaopen_debug},   {NULL, NULL},
};

static const char script[] =
    "local primes, sieve = {}, {}\n"
    "for n = 2, 3000 do\n"
    "  if not sieve[n] then\n"
    "    primes[#primes + 1] = n\n"
    "    for m = n * n, 3000, n do sieve[m] = true end\n"
    "  end\n"
    "end\n"
    "local words = setmetatable({}, {__index = function(_, n) return string.format('<%d>', n) end})\n"
    "for i, word in ipairs{'zero', 'one', 'two', 'three'} do words[i - 1] = word end\n"
    "local squares = coroutine.wrap(function() local n = 0; while true do n = n + 1; coroutine.yield(n * n) end end)\n"
    "squares() squares()\n"
    "function answer(n)\n"
    "  local parts = {words[n], #primes, primes[n * 50], squares(), math.type(n), ('%5.2f'):format(n / 3)}\n"
    "  local ok, message = pcall(error, {code = n})\n"
    "  parts[#parts + 1] = tostring(ok) .. message.code\n"
    "  return table.concat(parts, ' ')\n"
    "end\n";

static lua_State *L;
static int answer;

static void load(void) {
    L = luaL_newstate();
    if (!L)
        exit(1);
    for (const luaL_Reg *library = libraries; library->func; library++) {
        luaL_requiref(L, library->name, library->func, 1);
        lua_pop(L, 1);
    }
    if (luaL_dostring(L, script) != LUA_OK) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        exit(1);
    }
    lua_gc(L, LUA_GCCOLLECT);
    lua_getglobal(L, "answer");
    answer = luaL_ref(L, LUA_REGISTRYINDEX);
    fprintf(stderr, "initialized\n");
}

INITIALIZE(load)

int main(int argc, char **argv) {
    (void)argc, (void)argv;
    if (!INITIALIZED)
        load();
    for (int n = 1; n <= 5; n++) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, answer);
        lua_pushinteger(L, n);
        if (lua_pcall(L, 1, 1, 0) != LUA_OK)
            printf("failed: ");
        printf("%s\n", lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_close(L);
    return 0;
}
