// What the driver needs of a device: a window of its memory, registers, and the passing of time. Says of C++ what driver/transport.py
// says of Python. A device in this interface has memory that the host can see.
#pragma once

#include <cstdint>
#include <memory>

namespace hwacc {

class Transport {
  public:
    virtual ~Transport() = default;

    // The window of device memory that the host may use: first address, bytes, and where the host sees it.
    virtual uint64_t base() const = 0;
    virtual uint64_t size() const = 0;
    virtual uint8_t* memory() const = 0;

    // Registers by their byte offset; both throw Error where the bus reports one.
    virtual uint32_t read(uint32_t offset) = 0;
    virtual void write(uint32_t offset, uint32_t value) = 0;

    // Lets the device run until its interrupt is high, but at most `cycles`; whether it is high.
    virtual bool advance(uint64_t cycles) = 0;

    // The longest wait for a submission.
    virtual double seconds() const = 0;

    uint8_t* at(uint64_t address) const { return memory() + (address - base()); }
};

// The device that a library is for; throws Error.
std::unique_ptr<Transport> open_transport(const char* options);

}  // namespace hwacc
