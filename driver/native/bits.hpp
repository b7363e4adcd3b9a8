// Fields of registers, descriptors and records.
#pragma once

#include <cstdint>

namespace hwacc {

// A field: its lowest bit, counted from bit 0 of the first byte, and its width, at most 64.
struct Bits {
    unsigned low, width;
};

inline uint64_t get(const uint8_t* bytes, Bits field) {
    uint64_t value = 0;
    for (unsigned i = 0; i < field.width; ++i) {
        const unsigned bit = field.low + i;
        value |= uint64_t(bytes[bit / 8] >> bit % 8 & 1) << i;
    }
    return value;
}

inline void put(uint8_t* bytes, Bits field, uint64_t value) {
    for (unsigned i = 0; i < field.width; ++i) {
        const unsigned bit = field.low + i;
        const uint8_t mask = uint8_t(1u << bit % 8);
        bytes[bit / 8] = uint8_t(value >> i & 1 ? bytes[bit / 8] | mask : bytes[bit / 8] & ~mask);
    }
}

inline uint32_t get(uint32_t value, Bits field) { return value >> field.low & uint32_t((uint64_t(1) << field.width) - 1); }

}  // namespace hwacc
