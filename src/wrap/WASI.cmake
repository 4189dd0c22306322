# What CMake is to know of WASI. SHARED libraries become static ones, with CMake's own warning.

set(WASI 1)
set(UNIX 1)
set_property(GLOBAL PROPERTY TARGET_SUPPORTS_SHARED_LIBS FALSE)

set(CMAKE_EXECUTABLE_SUFFIX "")
set(CMAKE_STATIC_LIBRARY_PREFIX "lib")
set(CMAKE_STATIC_LIBRARY_SUFFIX ".a")
set(CMAKE_FIND_LIBRARY_PREFIXES "lib")
set(CMAKE_FIND_LIBRARY_SUFFIXES ".a")
set(CMAKE_DL_LIBS "")

foreach(language C CXX)
  set(CMAKE_${language}_COMPILE_OPTIONS_PIC "")
  set(CMAKE_${language}_COMPILE_OPTIONS_PIE "")
  set(CMAKE_${language}_LINK_OPTIONS_PIE "")
  set(CMAKE_${language}_LINK_OPTIONS_NO_PIE "")
endforeach()
