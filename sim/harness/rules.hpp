// The rules of AXI that a memory can see its master break, and this memory's own limits.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

// An address channel's payload.
struct Address {
    uint64_t address;
    uint8_t length;  // beats less one
    uint8_t size;
    uint8_t burst;
    uint8_t id;

    bool operator==(const Address& other) const {
        return address == other.address && length == other.length && size == other.size && burst == other.burst && id == other.id;
    }
    uint64_t bytes() const { return (uint64_t(length) + 1) * BUS_BYTES; }
};

// A write beat.
struct Beat {
    uint8_t data[BUS_BYTES];
    uint64_t strobe;
    bool last;

    bool operator==(const Beat& other) const {
        return strobe == other.strobe && last == other.last && std::memcmp(data, other.data, BUS_BYTES) == 0;
    }
};

// The first rule that was broken, as a sentence with the cycle; empty while all is well.
class Fault {
  public:
    void raise(uint64_t cycle, const std::string& text) {
        if (text_.empty()) text_ = text + " (cycle " + std::to_string(cycle) + ")";
    }
    explicit operator bool() const { return !text_.empty(); }
    const char* text() const { return text_.c_str(); }

  private:
    std::string text_;
};

// Once valid, a payload stays, and stays the same, until it is taken.
template <class Payload>
class Stability {
  public:
    void observe(bool valid, bool ready, const Payload& payload, const char* channel, uint64_t cycle, Fault& fault) {
        if (waiting_ && !valid) fault.raise(cycle, std::string(channel) + "valid fell before " + channel + "ready came");
        if (waiting_ && valid && !(payload == held_)) fault.raise(cycle, std::string(channel) + " payload changed while it waited");
        waiting_ = valid && !ready;
        if (waiting_) held_ = payload;
    }

  private:
    bool waiting_ = false;
    Payload held_{};
};

inline void check_burst(const Address& burst, const char* channel, uint64_t cycle, Fault& fault) {
    char place[64];
    std::snprintf(place, sizeof place, "%s burst of %u beats at 0x%llx ", channel, burst.length + 1u,
                  static_cast<unsigned long long>(burst.address));
    const uint64_t last = burst.address + burst.bytes() - 1;
    if (burst.address % BUS_BYTES) fault.raise(cycle, std::string(place) + "is not aligned to a beat");
    if (burst.address / 4096 != last / 4096) fault.raise(cycle, std::string(place) + "crosses a 4 KiB boundary");
    if (burst.burst != 1) fault.raise(cycle, std::string(place) + "is not INCR, the only kind that this memory serves");
    if ((1u << burst.size) != BUS_BYTES) fault.raise(cycle, std::string(place) + "is narrower than the bus, which this memory does not serve");
}
