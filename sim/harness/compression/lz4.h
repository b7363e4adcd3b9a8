// The two functions of LZ4 that Verilator's FST writer calls, so that waveforms need no library.
//
// The block format is lz4_Block_format.md of the LZ4 project: sequences of a token (literal length, match length - 4), literals, and a
// 16-bit offset; the last sequence has literals only, its last 5 bytes are literals, and no match starts in the last 12.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

namespace lz4 {

constexpr int MIN_MATCH = 4, LAST_LITERALS = 5, MATCH_LIMIT = 12, MAX_OFFSET = 65535, HASH_BITS = 12;

inline uint32_t word(const uint8_t* at) {
    uint32_t value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

inline unsigned hash(uint32_t value) { return (value * 2654435761u) >> (32 - HASH_BITS); }

// What does not fit in a token's four bits follows in bytes of up to 255.
inline uint8_t* put_length(uint8_t* out, int length) {
    if (length < 15) return out;
    for (length -= 15; length >= 255; length -= 255) *out++ = 255;
    *out++ = static_cast<uint8_t>(length);
    return out;
}

inline uint8_t* put_sequence(uint8_t* out, const uint8_t* literals, int count, int offset, int match) {
    uint8_t* token = out++;
    *token = static_cast<uint8_t>((count < 15 ? count : 15) << 4);
    out = put_length(out, count);
    std::memcpy(out, literals, count);
    out += count;
    if (match == 0) return out;
    *out++ = static_cast<uint8_t>(offset);
    *out++ = static_cast<uint8_t>(offset >> 8);
    *token |= match - MIN_MATCH < 15 ? match - MIN_MATCH : 15;
    return put_length(out, match - MIN_MATCH);
}

}  // namespace lz4

inline int LZ4_compressBound(int size) { return size + size / 255 + 16; }

// Greedy: the last place with the same hash is the only candidate. `target` has LZ4_compressBound(size) bytes.
inline int LZ4_compress_default(const char* source, char* target, int size, int) {
    const auto* in = reinterpret_cast<const uint8_t*>(source);
    auto* out = reinterpret_cast<uint8_t*>(target);
    std::vector<int> seen(1 << lz4::HASH_BITS, -1);
    int literals = 0, at = 0;
    while (at < size - lz4::MATCH_LIMIT) {
        int& slot = seen[lz4::hash(lz4::word(in + at))];
        const int candidate = slot;
        slot = at;
        if (candidate < 0 || at - candidate > lz4::MAX_OFFSET || lz4::word(in + candidate) != lz4::word(in + at)) {
            ++at;
            continue;
        }
        int match = lz4::MIN_MATCH;
        while (at + match < size - lz4::LAST_LITERALS && in[candidate + match] == in[at + match]) ++match;
        out = lz4::put_sequence(out, in + literals, at - literals, at - candidate, match);
        literals = at += match;
    }
    out = lz4::put_sequence(out, in + literals, size - literals, 0, 0);
    return static_cast<int>(out - reinterpret_cast<uint8_t*>(target));
}
