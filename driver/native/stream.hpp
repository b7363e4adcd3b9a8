// Reads the stream format that hwacc/stream.py defines, and places a stream's buffers.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "allocator.hpp"
#include "bits.hpp"
#include "wire.hpp"

namespace hwacc {

class Stream {
  public:
    struct Slot {
        std::string name;
        uint64_t size;
    };

    uint32_t configuration;
    std::vector<Slot> slots;

    // Throws Error for bytes that are no stream of this version.
    Stream(const void* data, size_t bytes) : bytes_(static_cast<const uint8_t*>(data)), left_(bytes) {
        if (std::memcmp(take(sizeof wire::STREAM_MAGIC - 1), wire::STREAM_MAGIC, sizeof wire::STREAM_MAGIC - 1) != 0)
            fail(HWACC_BAD_ARGUMENT, "this is not a descriptor stream");
        const uint32_t version = number<uint32_t>();
        if (version != wire::ISA_VERSION)
            fail(HWACC_BAD_ARGUMENT, "the stream has descriptor format %u, this is %u; compile the model again", version, wire::ISA_VERSION);
        configuration = number<uint32_t>();
        const uint32_t slot_count = number<uint32_t>(), descriptor_count = number<uint32_t>(), relocation_count = number<uint32_t>();
        for (uint32_t i = 0; i < slot_count; ++i) read_slot();
        for (uint32_t i = 0; i < descriptor_count; ++i) read_descriptor();
        for (uint32_t i = 0; i < relocation_count; ++i) read_relocation();
        if (left_) fail(HWACC_BAD_ARGUMENT, "%zu bytes too many at the end of the stream", left_);
    }

    // Throws unless every slot is memory that somebody holds and no slot that the stream writes overlaps another.
    void check(const uint64_t* addresses, const Allocator& allocator) const {
        for (size_t i = 0; i < slots.size(); ++i) allocator.require(addresses[i], slots[i].size);
        std::vector<bool> written(slots.size());
        for (const Relocation& relocation : relocations_)
            if (get(descriptors_[relocation.descriptor].data(), wire::OPCODE) == wire::STORE) written[relocation.slot] = true;
        for (size_t one = 0; one < slots.size(); ++one)
            for (size_t other = 0; written[one] && other < slots.size(); ++other)
                if (other != one && addresses[one] < addresses[other] + slots[other].size && addresses[other] < addresses[one] + slots[one].size)
                    fail(HWACC_BAD_ARGUMENT, "the stream writes buffer %s, which overlaps its buffer %s", slots[one].name.c_str(),
                         slots[other].name.c_str());
    }

    // The descriptors with memory addresses, each in whole entries of the ring, which are `entry` bytes.
    std::vector<uint8_t> placed(const uint64_t* addresses, size_t entry) const {
        std::vector<std::vector<uint8_t>> descriptors = descriptors_;
        for (const Relocation& relocation : relocations_) {
            uint8_t* descriptor = descriptors[relocation.descriptor].data();
            put(descriptor, wire::ADDRESS, get(descriptor, wire::ADDRESS) + addresses[relocation.slot]);
        }
        std::vector<uint8_t> result;
        for (const auto& descriptor : descriptors) append(result, descriptor, entry);
        return result;
    }

    // Adds a descriptor as it lies in the ring: what of an entry it does not fill is zero.
    static void append(std::vector<uint8_t>& entries, const std::vector<uint8_t>& descriptor, size_t entry) {
        entries.insert(entries.end(), descriptor.begin(), descriptor.end());
        entries.resize((entries.size() + entry - 1) / entry * entry);
    }

  private:
    struct Relocation {
        uint32_t descriptor, slot;
    };

    const uint8_t* take(size_t count) {
        if (count > left_) fail(HWACC_BAD_ARGUMENT, "the stream is cut short");
        const uint8_t* taken = bytes_;
        bytes_ += count;
        left_ -= count;
        return taken;
    }

    template <class Integer>
    Integer number() {
        return Integer(get(take(sizeof(Integer)), {0, 8 * sizeof(Integer)}));
    }

    void read_slot() {
        const uint64_t size = number<uint64_t>();
        const uint16_t length = number<uint16_t>();
        slots.push_back({std::string(reinterpret_cast<const char*>(take(length)), length), size});
    }

    void read_descriptor() {
        const uint8_t* first = take(wire::SHORT_BYTES);
        std::vector<uint8_t> descriptor(first, first + wire::SHORT_BYTES);
        if (get(first, wire::LONG)) {
            const uint8_t* second = take(wire::LONG_BYTES - wire::SHORT_BYTES);
            descriptor.insert(descriptor.end(), second, second + wire::LONG_BYTES - wire::SHORT_BYTES);
        }
        descriptors_.push_back(descriptor);
    }

    void read_relocation() {
        const uint32_t descriptor = number<uint32_t>(), slot = number<uint32_t>();
        if (descriptor >= descriptors_.size() || slot >= slots.size())
            fail(HWACC_BAD_ARGUMENT, "relocation of descriptor %u to buffer %u, which is not there", descriptor, slot);
        relocations_.push_back({descriptor, slot});
    }

    const uint8_t* bytes_;
    size_t left_;
    std::vector<std::vector<uint8_t>> descriptors_;
    std::vector<Relocation> relocations_;
};

}  // namespace hwacc
