/* Runs a script that is in the program, so that it needs no files: lua/floats.lua unless SCRIPT names another, and MORE behind
   it. */
#include <stdio.h>

#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

#ifndef SCRIPT
#define SCRIPT "../lua/floats.lua"
#endif

static const char script[] = {
#embed SCRIPT
#ifdef MORE
    ,
#embed MORE
#endif
};

static const luaL_Reg libraries[] = {
    {LUA_GNAME, luaopen_base},          {LUA_COLIBNAME, luaopen_coroutine}, {LUA_TABLIBNAME, luaopen_table},
    {LUA_STRLIBNAME, luaopen_string}, {LUA_MATHLIBNAME, luaopen_math},    {NULL, NULL},
};

int main(void) {
    lua_State *L = luaL_newstate();
    if (!L)
        return 1;
    for (const luaL_Reg *library = libraries; library->func; library++) {
        luaL_requiref(L, library->name, library->func, 1);
        lua_pop(L, 1);
    }
    int status = luaL_loadbuffer(L, script, sizeof script, "floats") || lua_pcall(L, 0, 0, 0);
    if (status)
        printf("uncaught: %s\n", lua_tostring(L, -1));
    lua_close(L);
    return status;
}
