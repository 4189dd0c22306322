/* What programs written for emcc need of its header to build here: EMSCRIPTEN_KEEPALIVE. */
#include "emscripten/emscripten.h"
