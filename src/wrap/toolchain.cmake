# Written by `wbuild cmake`. For cmake itself: -DCMAKE_TOOLCHAIN_FILE=$(wbuild cmake --print-toolchain-file)

set(CMAKE_SYSTEM_NAME WASI)
set(CMAKE_SYSTEM_VERSION 1)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
list(APPEND CMAKE_MODULE_PATH "@MODULES@")

set(CMAKE_C_COMPILER "@LINKS@/wbuild-cc")
set(CMAKE_CXX_COMPILER "@LINKS@/wbuild-c++")
set(CMAKE_ASM_COMPILER "@LINKS@/wbuild-cc")
set(CMAKE_AR "@LINKS@/wbuild-ar" CACHE FILEPATH "archiver")
set(CMAKE_RANLIB "@LINKS@/wbuild-ranlib" CACHE FILEPATH "indexer of archives")
set(CMAKE_NM "@LINKS@/wbuild-nm" CACHE FILEPATH "lister of symbols")
set(CMAKE_STRIP "@LINKS@/wbuild-strip" CACHE FILEPATH "stripper")
set(CMAKE_OBJDUMP "@LINKS@/wbuild-objdump" CACHE FILEPATH "disassembler")
# Compilers for wasm take no prefix of versions from their names.
set(CMAKE_C_COMPILER_AR "@LINKS@/wbuild-ar" CACHE FILEPATH "archiver")
set(CMAKE_CXX_COMPILER_AR "@LINKS@/wbuild-ar" CACHE FILEPATH "archiver")
set(CMAKE_C_COMPILER_RANLIB "@LINKS@/wbuild-ranlib" CACHE FILEPATH "indexer of archives")
set(CMAKE_CXX_COMPILER_RANLIB "@LINKS@/wbuild-ranlib" CACHE FILEPATH "indexer of archives")

# A program is a launcher with the module beside it, so that tests that name it by its path can run it.
set(CMAKE_EXE_LINKER_FLAGS_INIT "--launcher")
set(CMAKE_CROSSCOMPILING_EMULATOR "@WBUILD@;run;--inherit")

# Libraries and headers of the machine that builds are none of the module's; its programs may be needed.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
