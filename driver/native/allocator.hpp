// Who holds which bytes of device memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>

#include "error.hpp"

namespace hwacc {

enum class Owner { DRIVER, CALLER };

// First fit. Blocks begin at multiples of ALIGNMENT and never overlap.
class Allocator {
  public:
    static constexpr uint64_t ALIGNMENT = 64;

    Allocator(uint64_t base, uint64_t size) : start_(rounded(base)), end_((base + size) / ALIGNMENT * ALIGNMENT) {}

    uint64_t allocate(uint64_t bytes, Owner owner) {
        if (bytes > end_ - start_) refuse(bytes);  // before rounding, which could overflow
        const uint64_t wanted = std::max(ALIGNMENT, rounded(bytes));
        uint64_t place = start_;
        for (const auto& [address, block] : held_) {
            if (address - place >= wanted) break;
            place = address + block.size;
        }
        if (end_ - place < wanted) refuse(bytes);
        held_[place] = {wanted, owner};
        return place;
    }

    void free(uint64_t address, Owner owner) {
        const auto block = held_.find(address);
        if (block == held_.end() || block->second.owner != owner)
            fail(HWACC_BAD_ARGUMENT, "no memory was taken at 0x%" PRIx64 "; was it freed twice?", address);
        held_.erase(block);
    }

    // Throws unless one block of the caller has all of these bytes.
    void require(uint64_t address, uint64_t bytes) const {
        const auto next = held_.upper_bound(address);
        if (next != held_.begin()) {
            const auto& [start, block] = *std::prev(next);
            const uint64_t offset = address - start;
            if (block.owner == Owner::CALLER && offset <= block.size && bytes <= block.size - offset) return;
        }
        fail(HWACC_BAD_ARGUMENT, "%" PRIu64 " bytes at device address 0x%" PRIx64 " were not taken with hwacc_alloc", bytes, address);
    }

  private:
    struct Block {
        uint64_t size;
        Owner owner;
    };

    static uint64_t rounded(uint64_t value) { return (value + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

    [[noreturn]] void refuse(uint64_t bytes) const {
        uint64_t held = 0;
        for (const auto& [address, block] : held_) held += block.size;
        fail(HWACC_NO_MEMORY, "out of device memory: %" PRIu64 " bytes asked for, %" PRIu64 " of %" PRIu64
             " free; free some, or open the device with more", bytes, end_ - start_ - held, end_ - start_);
    }

    uint64_t start_, end_;
    std::map<uint64_t, Block> held_;  // by address
};

}  // namespace hwacc
