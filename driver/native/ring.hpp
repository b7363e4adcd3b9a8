// The descriptor ring in device memory, fed in pieces where a stream is longer than the ring. As driver/ring.py.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

#include "allocator.hpp"
#include "bits.hpp"
#include "transport.hpp"
#include "wire.hpp"

namespace hwacc {

class Ring {
  public:
    // `entry` is the bytes of an entry.
    Ring(Transport& transport, Allocator& allocator, size_t entry)
        : transport_(transport), entry_(entry), base_(allocator.allocate(ENTRIES * entry, Owner::DRIVER)) {
        restart();
    }

    size_t entry() const { return entry_; }
    bool waiting() const { return !waiting_.empty(); }

    // Tells an idle device where the ring is; forgets what was waiting.
    void restart() {
        waiting_.clear();
        transport_.write(wire::RING_BASE_LO, uint32_t(base_));
        transport_.write(wire::RING_BASE_HI, uint32_t(base_ >> 32));
        transport_.write(wire::RING_LOG2, LOG2);
        tail_ = head();
    }

    // Takes whole entries, and gives the device as many as there is room for.
    void push(const std::vector<uint8_t>& entries) {
        waiting_.insert(waiting_.end(), entries.begin(), entries.end());
        feed();
    }

    // Moves what fits from the host to the ring and rings the doorbell.
    void feed() {
        if (waiting_.empty()) return;
        const uint32_t room = ENTRIES - (tail_ - head()) % COUNTERS;
        const uint32_t count = uint32_t(std::min<size_t>(room, waiting_.size() / entry_));
        for (uint32_t i = 0; i < count; ++i, tail_ = (tail_ + 1) % COUNTERS) {
            uint8_t* place = transport_.at(base_ + tail_ % ENTRIES * entry_);
            std::copy_n(waiting_.begin(), entry_, place);
            waiting_.erase(waiting_.begin(), waiting_.begin() + long(entry_));
        }
        if (count) transport_.write(wire::RING_TAIL, tail_);
    }

  private:
    static constexpr uint32_t LOG2 = 10, ENTRIES = 1u << LOG2;
    static constexpr uint32_t COUNTERS = 1u << wire::RING_TAIL_value.width;  // head and tail count modulo this

    uint32_t head() { return get(transport_.read(wire::RING_HEAD), wire::RING_HEAD_value); }

    Transport& transport_;
    size_t entry_;
    uint64_t base_;
    std::deque<uint8_t> waiting_;
    uint32_t tail_ = 0;
};

}  // namespace hwacc
