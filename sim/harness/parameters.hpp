// What the host chooses about the simulated world. sim/binding.py mirrors this struct field for field.
#pragma once

#include <cstdint>

enum Channel { AR, AW, W, R, B, CHANNELS };

struct Parameters {
    uint64_t memory_base;
    uint64_t memory_bytes;
    uint64_t error_base;   // bursts that touch this range are answered with SLVERR
    uint64_t error_bytes;
    uint8_t* memory;       // owned by the host
    uint32_t doorbell;     // offset of the register whose write starts the stopwatch
    uint32_t read_latency;
    uint32_t write_latency;
    uint32_t queue_depth;  // bursts that each address channel takes in before it waits
    uint32_t seed;
    uint32_t stalls[CHANNELS];  // probability of a stall in a cycle, times 2^32
};
