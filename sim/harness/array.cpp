// The systolic array's step in C++: what rtl/array.py and rtl/pe.py do in a cycle.
//
// The cells of a row are neighbours in memory, so that the compiler computes many of them with one instruction. What moves east in
// step with the clock (operands, swap, shift) is not moved at all: it is written down once, newest first, and a cell looks back as many
// cycles as it is away from the edge. sim/step.py puts this into a netlist; tests/sim/test_step.py holds it against the RTL.

#include <cstdint>
#include <cstring>

#include "svdpi.h"

namespace {

constexpr int ROWS = ARRAY_ROWS, COLS = ARRAY_COLS;
constexpr int REACH = ROWS + COLS;  // cycles that any cell looks back
constexpr int SPAN = 16 * REACH;    // cycles between two moves of what was written down

// The last values of a signal, newest first, at a place that falls by one a cycle.
template <class Value>
struct Past {
    Value values[SPAN + REACH] = {};
    void move() { std::memcpy(values + SPAN, values, REACH * sizeof(Value)); }
};

class Array {
  public:
    void step(bool stationary, const int8_t* west, const int8_t* north, bool swap, const svBitVecVal* shift) {
        std::memcpy(bottom_[cycle_++ % COLS], stationary ? acc_[ROWS] : drain_[ROWS], sizeof bottom_[0]);
        advance();
        note(west, swap, shift);
        for (int j = 0; j < COLS; ++j) b_[0][j] = north[j];
        const bool calm = calm_ > REACH;
        for (int i = ROWS - 1; i >= 0; --i) {  // from below, since a row takes what the one above it had
            if (stationary) stationary_row(i, calm);
            else streaming_row(i, calm);
        }
    }

    // All columns, the last one as output-stationary has it.
    void row(int32_t* result) const {
        for (int j = 0; j < COLS - 1; ++j) result[j] = bottom_[(cycle_ + 1 + j) % COLS][j];
        result[COLS - 1] = drain_[ROWS][COLS - 1];
    }
    int32_t last_sum() const { return acc_[ROWS][COLS - 1]; }

  private:
    void advance() {
        if (place_ == 0) {
            for (auto& past : a_) past.move();
            for (auto& past : shift_) past.move();
            swap_.move();
            place_ = SPAN;
        }
        --place_;
    }

    void note(const int8_t* west, bool swap, const svBitVecVal* shift) {
        bool any = swap;
        for (int i = 0; i < ROWS; ++i) a_[i].values[place_] = west[i];
        for (int i = 0; i < ROWS; i += 32) any |= (shift_[i / 32].values[place_] = shift[i / 32]) != 0;
        swap_.values[place_] = -swap;
        calm_ = any ? 0 : calm_ + 1;
    }

    // In a calm array, no cell has a swap or a shift.
    void streaming_row(int i, bool calm) {
        const int16_t* a = a_[i].values + place_ + 1;
        if (!calm) drain_row(i);
        for (int j = 0; j < COLS; ++j) acc_[i + 1][j] += a[j] * weight_[i][j];
        std::memcpy(weight_[i], b_[i], sizeof weight_[i]);
        std::memcpy(b_[i + 1], b_[i], sizeof b_[i]);
    }

    void stationary_row(int i, bool calm) {
        const int16_t* a = a_[i].values + place_ + 1;
        if (!calm) drain_row(i);
        for (int j = 0; j < COLS; ++j) acc_[i + 1][j] = acc_[i][j] + a[j] * weight_[i][j];
        if (!calm) weights_row(i);
    }

    // swap: the sum goes to the drain and a new one starts (which matters only where sums stay); else shift: down from the row above.
    void drain_row(int i) {
        const int32_t* swap = swap_.values + place_ + i + 1;
        const uint32_t* shift = shift_[i / 32].values + place_;
        for (int j = 0; j < COLS; ++j) {
            const int32_t down = -static_cast<int32_t>(shift[j] >> (i % 32) & 1);
            const int32_t stays = down & drain_[i][j] | ~down & drain_[i + 1][j];
            drain_[i + 1][j] = swap[j] & acc_[i + 1][j] | ~swap[j] & stays;
            acc_[i + 1][j] &= ~swap[j];
        }
    }

    void weights_row(int i) {
        const int32_t* swap = swap_.values + place_ + i;
        const uint32_t* shift = shift_[i / 32].values + place_;
        for (int j = 0; j < COLS; ++j) {
            const int16_t down = -static_cast<int16_t>(shift[j] >> (i % 32) & 1), now = static_cast<int16_t>(swap[j]);
            weight_[i][j] = now & b_[i + 1][j] | ~now & weight_[i][j];
            b_[i + 1][j] = down & b_[i][j] | ~down & b_[i + 1][j];
        }
    }

    // Row 0 of what moves south is what enters at the north; row i + 1 belongs to the cells of row i.
    int16_t b_[ROWS + 1][COLS] = {}, weight_[ROWS][COLS] = {};
    int32_t acc_[ROWS + 1][COLS] = {}, drain_[ROWS + 1][COLS] = {};
    int32_t bottom_[COLS][COLS] = {};  // the lowest row in the last cycles
    Past<int16_t> a_[ROWS];
    Past<int32_t> swap_;                    // 0 or -1
    Past<uint32_t> shift_[(ROWS + 31) / 32];  // a bit a row
    int place_ = SPAN;
    uint64_t calm_ = 0;  // cycles since there was a swap or a shift
    uint32_t cycle_ = 0;
};

Array& array(void* handle) { return *static_cast<Array*>(handle); }

}  // namespace

extern "C" {

void* hwacc_array_new() { return new Array; }
void hwacc_array_free(void* handle) { delete &array(handle); }

void hwacc_array_step(void* handle, svBit stationary, const svBitVecVal* west, const svBitVecVal* north, svBit swap,
                      const svBitVecVal* shift, svBitVecVal* row, svBitVecVal* last_sum) {
    array(handle).step(stationary, reinterpret_cast<const int8_t*>(west), reinterpret_cast<const int8_t*>(north), swap, shift);
    array(handle).row(reinterpret_cast<int32_t*>(row));
    *last_sum = static_cast<svBitVecVal>(array(handle).last_sum());
}
}
