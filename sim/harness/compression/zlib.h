// The two functions of zlib that Verilator's FST writer calls, so that waveforms need no library.
//
// Nothing is compressed: the result is a zlib stream (RFC 1950) of stored blocks (RFC 1951, 3.2.4), always longer than its input, and
// the writer keeps the shorter of the two. What compresses well in a waveform, the value changes, goes through LZ4.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

typedef uint8_t Bytef;
typedef unsigned long uLong;
typedef uLong uLongf;
enum { Z_OK = 0 };

inline uLong compressBound(uLong size) { return size + 5 * (size / 65535 + 1) + 6; }

inline int compress2(Bytef* target, uLongf* target_size, const Bytef* source, uLong size, int) {
    Bytef* out = target;
    *out++ = 0x78;
    *out++ = 0x01;
    uint32_t a = 1, b = 0;  // Adler-32
    uLong done = 0;
    do {
        const uLong count = std::min<uLong>(size - done, 65535);
        *out++ = done + count == size;
        for (uLong value : {count, ~count})
            for (int shift : {0, 8}) *out++ = static_cast<Bytef>(value >> shift);
        std::memcpy(out, source + done, count);
        out += count;
        done += count;
    } while (done < size);
    for (uLong i = 0; i < size; ++i) b = (b + (a = (a + source[i]) % 65521)) % 65521;
    for (int shift : {8, 0}) *out++ = static_cast<Bytef>(b >> shift);
    for (int shift : {8, 0}) *out++ = static_cast<Bytef>(a >> shift);
    *target_size = static_cast<uLongf>(out - target);
    return Z_OK;
}
