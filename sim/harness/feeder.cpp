// The operand feeder's step in C++: what rtl/feeder.py does in a cycle.
//
// The shift registers stand still; what is to leave all lanes in one cycle is a row, and the rows form a ring. sim/step.py puts this
// into a netlist; tests/sim/test_step.py holds it against the RTL.

#include <cstdint>
#include <cstring>
#include <vector>

#include "svdpi.h"

namespace {

class Feeder {
  public:
    Feeder(int lanes, int word_bytes, int slice_bytes)
        : lanes_(lanes), word_bytes_(word_bytes), slice_bytes_(slice_bytes), rows_(lanes * word_bytes) {}

    void next() {
        std::memset(row(0), 0, lanes_);
        ++first_;
    }

    void step(const uint8_t* bytes) {
        for (int lane = 0; lane < lanes_; ++lane) row(lane)[lane] |= bytes[lane];
    }

    void load(const uint8_t* word, int lane, int tail, bool backwards, int slice) {
        const int end = tail ? tail : word_bytes_;
        for (int i = 0; i < word_bytes_; ++i) {
            const int from = backwards ? (slice + 1) * slice_bytes_ - 1 - i : i;
            row(i)[lane] = (!backwards || i < slice_bytes_) && from < end ? word[from] : 0;
        }
    }

    const uint8_t* out() { return row(0); }
    int lanes() const { return lanes_; }

  private:
    // The lanes' bytes that leave in ``cycles`` cycles.
    uint8_t* row(int cycles) { return rows_.data() + ((first_ + cycles) & (word_bytes_ - 1)) * lanes_; }

    const int lanes_, word_bytes_, slice_bytes_;
    std::vector<uint8_t> rows_;
    unsigned first_ = 0;
};

Feeder& feeder(void* handle) { return *static_cast<Feeder*>(handle); }

}  // namespace

extern "C" {

void* hwacc_feeder_new(int lanes, int word_bytes, int slice_bytes) { return new Feeder(lanes, word_bytes, slice_bytes); }
void hwacc_feeder_free(void* handle) { delete &feeder(handle); }

void hwacc_feeder_step(void* handle, const svBitVecVal* word, svBit load, uint8_t lane, uint8_t tail, svBit backwards, uint8_t slice,
                       svBit step, uint8_t group, svBitVecVal* out) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(word);
    Feeder& it = feeder(handle);
    it.next();
    if (step) it.step(bytes + group * it.lanes());
    if (load && lane < it.lanes()) it.load(bytes, lane, tail, backwards, slice);
    std::memcpy(out, it.out(), it.lanes());
}
}
