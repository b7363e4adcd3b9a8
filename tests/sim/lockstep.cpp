// Clocks a design whose only inputs are a clock and random bits, until its output says that two things in it differ.

#include <cstdint>
#include <cstring>

#include "Vhwacc.h"

extern "C" int64_t lockstep(uint64_t seed, int64_t cycles) {
    VerilatedContext context;
    Vhwacc top(&context);
    uint64_t state = seed * 2 + 1;
    uint32_t bits[sizeof top.random / 4];
    int64_t cycle = 0;
    while (cycle < cycles) {
        for (uint32_t& word : bits) {  // xorshift64*, G. Marsaglia 2003 with S. Vigna's multiplier
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            word = static_cast<uint32_t>((state * 0x2545F4914F6CDD1DULL) >> 32);
        }
        std::memcpy(&top.random, bits, sizeof bits);
        top.clk = 0;
        top.eval();
        if (!top.same) break;
        top.clk = 1;
        top.eval();
        ++cycle;
    }
    top.final();
    return cycle < cycles ? cycle : -1;
}
