// Random back-pressure, the same for the same seed.
#pragma once

#include <cstdint>

#include "parameters.hpp"

class Stalls {
  public:
    explicit Stalls(const Parameters& parameters) : thresholds_(parameters.stalls), state_(parameters.seed | 1) {}

    // Whether the channel stalls in this cycle. Draws nothing where stalls are off, which keeps the usual case fast.
    bool operator()(Channel channel) { return thresholds_[channel] != 0 && next() < thresholds_[channel]; }

  private:
    // xorshift64*, G. Marsaglia 2003 with S. Vigna's multiplier.
    uint32_t next() {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return static_cast<uint32_t>((state_ * 0x2545F4914F6CDD1DULL) >> 32);
    }

    const uint32_t* thresholds_;
    uint64_t state_;
};
