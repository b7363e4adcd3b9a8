// The step of an on-chip buffer that LOAD fills in C++: what rtl/buffer.py does in a cycle.
//
// Byte lanes side by side are consecutive bytes, so a read from any byte on is one copy. sim/step.py puts this into a netlist;
// tests/sim/test_step.py holds it against the RTL.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "svdpi.h"

namespace {

class Bytes {
  public:
    Bytes(int bytes, int window, int latency) : window_(window), latency_(latency), memory_(bytes), reads_(window * latency) {}

    // Bytes from ``address`` on, to be seen in ``latency`` cycles; past the end come the first ones.
    void read(unsigned address) {
        const unsigned first = std::min<unsigned>(window_, memory_.size() - address);
        std::memcpy(now(), &memory_[address], first);
        if (first < window_) std::memcpy(now() + first, &memory_[0], window_ - first);
        cycle_ = cycle_ + 1 == latency_ ? 0 : cycle_ + 1;
    }

    // A byte's lane is its address modulo the beat.
    void write(unsigned address, const uint8_t* data, const svBitVecVal* mask) {
        const unsigned offset = address % BUS_BYTES, beat = address - offset;
        for (unsigned lane = 0; lane < BUS_BYTES; ++lane) {
            const unsigned place = beat + lane + (lane < offset ? BUS_BYTES : 0);
            if (mask[lane / 32] >> (lane % 32) & 1) memory_[place & (memory_.size() - 1)] = data[lane];
        }
    }

    // What was read ``latency`` cycles before the next one.
    void result(svBitVecVal* data) { std::memcpy(data, now(), window_); }

  private:
    uint8_t* now() { return &reads_[cycle_ * window_]; }

    const unsigned window_, latency_;
    std::vector<uint8_t> memory_, reads_;
    unsigned cycle_ = 0;
};

Bytes& bytes(void* handle) { return *static_cast<Bytes*>(handle); }

}  // namespace

extern "C" {

void* hwacc_bytes_new(int size, int window, int latency) { return new Bytes(size, window, latency); }
void hwacc_bytes_free(void* handle) { delete &bytes(handle); }

void hwacc_bytes_step(void* handle, uint32_t address, svBit write, uint32_t write_address, const svBitVecVal* write_data,
                      const svBitVecVal* write_mask, svBitVecVal* data) {
    bytes(handle).read(address);
    if (write) bytes(handle).write(write_address, reinterpret_cast<const uint8_t*>(write_data), write_mask);
    bytes(handle).result(data);
}
}
