/* What programs written for emcc need of its header to build here: EMSCRIPTEN_KEEPALIVE.
 *
 * Everything else in emcc's header talks to JavaScript. __EMSCRIPTEN__ stays undefined, so that
 * sources which ask for it choose what they have for other systems. Where emcc compiles, its own header serves. */
#ifdef __EMSCRIPTEN__
#include_next <emscripten/emscripten.h>
#elif !defined(WBUILD_EMSCRIPTEN_H)
#define WBUILD_EMSCRIPTEN_H

/* The function stays and is exported under its own name: wbuild tells the linker. */
#define EMSCRIPTEN_KEEPALIVE __attribute__((used, visibility("default")))

#ifdef __cplusplus
#define EM_EXTERN_C extern "C"
#else
#define EM_EXTERN_C extern
#endif

#endif
