// Failures on their way to the C interface.
#pragma once

#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <string>

#include "hwacc.h"

namespace hwacc {

// A code of hwacc.h and the sentence that hwacc_error gives.
struct Error {
    int code;
    std::string text;
};

// Throws an Error with a text made as printf makes it.
[[noreturn]] __attribute__((format(printf, 2, 3))) inline void fail(int code, const char* format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    throw Error{code, text};
}

}  // namespace hwacc
