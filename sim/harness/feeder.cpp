// The operand feeder's step in C++: what rtl/feeder.py does in a cycle.
//
// The shift registers stand still; what is to leave all lanes in one cycle is a row, and the rows form a ring. sim/step.py puts this
// into a netlist; tests/sim/test_step.py holds it against the RTL.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "svdpi.h"

namespace {

class Feeder {
  public:
    Feeder(int lanes, int word_bytes, bool descending)
        : lanes_(lanes), word_bytes_(word_bytes), descending_(descending), rows_(lanes * word_bytes) {}

    void next() {
        std::memset(row(0), 0, lanes_);
        ++first_;
    }

    void step(const uint8_t* word, int count) {
        for (int i = 0; i < std::min(count, lanes_); ++i) {
            const int lane = descending_ ? lanes_ - 1 - i : i;
            row(lane)[lane] |= word[i];
        }
    }

    void load(const uint8_t* word, int count, int lane) {
        for (int i = 0; i < word_bytes_; ++i) row(i)[lane] = i < count ? word[i] : 0;
    }

    const uint8_t* out() { return row(0); }
    int lanes() const { return lanes_; }

  private:
    // The lanes' bytes that leave in ``cycles`` cycles.
    uint8_t* row(int cycles) { return rows_.data() + ((first_ + cycles) & (word_bytes_ - 1)) * lanes_; }

    const int lanes_, word_bytes_;
    const bool descending_;
    std::vector<uint8_t> rows_;
    unsigned first_ = 0;
};

Feeder& feeder(void* handle) { return *static_cast<Feeder*>(handle); }

}  // namespace

extern "C" {

void* hwacc_feeder_new(int lanes, int word_bytes, svBit descending) { return new Feeder(lanes, word_bytes, descending); }
void hwacc_feeder_free(void* handle) { delete &feeder(handle); }

void hwacc_feeder_step(void* handle, const svBitVecVal* word, uint8_t count, svBit load, uint8_t lane, svBit step, svBitVecVal* out) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(word);
    Feeder& it = feeder(handle);
    it.next();
    if (step) it.step(bytes, count);
    if (load) it.load(bytes, count, lane);
    std::memcpy(out, it.out(), it.lanes());
}
}
