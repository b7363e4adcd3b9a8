// hwacc.h over a Transport: checks arguments, and turns exceptions into codes. A library has this file and one open_transport.
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "allocator.hpp"
#include "error.hpp"
#include "queue.hpp"
#include "stream.hpp"
#include "transport.hpp"
#include "wire.hpp"

using namespace hwacc;

namespace {

// Throws unless a device of this descriptor format answers and can address all of its memory; the bytes of an entry of its ring.
size_t identify(Transport& transport) {
    const uint32_t id = transport.read(wire::ID), version = transport.read(wire::ISA_VERSION_REGISTER), bus = transport.read(wire::BUS);
    if (id != wire::MAGIC) fail(HWACC_NO_DEVICE, "there is no HWACC: its ID register reads 0x%08x, not 0x%08x", id, wire::MAGIC);
    if (version != wire::ISA_VERSION)
        fail(HWACC_OTHER_CONFIGURATION, "the device speaks descriptor format %u, this driver %u; rebuild one of them", version,
             wire::ISA_VERSION);
    const unsigned bits = get(bus, wire::BUS_address_bits);
    if (transport.base() + transport.size() > uint64_t(1) << bits)
        fail(HWACC_BAD_ARGUMENT, "the device has %u address bits, too few for %" PRIu64 " bytes of memory; give it less", bits,
             transport.size());
    return std::max<size_t>(wire::SHORT_BYTES, get(bus, wire::BUS_bus_bytes));
}

}  // namespace

struct hwacc_device {
    explicit hwacc_device(const char* options)
        : transport(open_transport(options)),
          allocator(transport->base(), transport->size()),
          queue(*transport, allocator, identify(*transport)),
          configuration(transport->read(wire::CONFIG_HASH)) {}

    void require(uint32_t wanted, const char* name) {
        if (wanted == configuration) return;
        const uint32_t array = transport->read(wire::ARRAY);
        fail(HWACC_OTHER_CONFIGURATION,
             "%s was compiled for configuration 0x%08x, the device is 0x%08x (%ux%u array); compile it for this device, or open the other",
             name, wanted, configuration, get(array, wire::ARRAY_rows), get(array, wire::ARRAY_cols));
    }

    std::unique_ptr<Transport> transport;
    Allocator allocator;
    Queue queue;
    uint32_t configuration;
};

namespace {

thread_local std::string last_error = "nothing has failed";

// Runs `body`; what it throws becomes a code, and the text of hwacc_error.
template <class Body>
int guarded(Body body) {
    try {
        body();
        return HWACC_OK;
    } catch (const Error& error) {
        last_error = error.text;
        return error.code;
    } catch (const std::bad_alloc&) {
        last_error = "the host is out of memory";
        return HWACC_NO_MEMORY;
    }
}

void present(const void* pointer, const char* what) {
    if (!pointer) fail(HWACC_BAD_ARGUMENT, "%s is NULL", what);
}

}  // namespace

extern "C" {

const char* hwacc_error(void) { return last_error.c_str(); }

int hwacc_open(const char* options, hwacc_device** device) {
    return guarded([&] {
        present(device, "device");
        *device = nullptr;
        *device = new hwacc_device(options);
    });
}

void hwacc_close(hwacc_device* device) { delete device; }

int hwacc_require(hwacc_device* device, uint32_t configuration, const char* name) {
    return guarded([&] {
        present(device, "device");
        present(name, "name");
        device->require(configuration, name);
    });
}

int hwacc_alloc(hwacc_device* device, uint64_t bytes, hwacc_address* address) {
    return guarded([&] {
        present(device, "device");
        present(address, "address");
        *address = device->allocator.allocate(bytes, Owner::CALLER);
    });
}

int hwacc_free(hwacc_device* device, hwacc_address address) {
    return guarded([&] {
        present(device, "device");
        device->allocator.free(address, Owner::CALLER);
    });
}

int hwacc_write(hwacc_device* device, hwacc_address address, const void* data, size_t bytes) {
    return guarded([&] {
        present(device, "device");
        present(data, "data");
        device->allocator.require(address, bytes);
        std::memcpy(device->transport->at(address), data, bytes);
    });
}

int hwacc_read(hwacc_device* device, hwacc_address address, void* data, size_t bytes) {
    return guarded([&] {
        present(device, "device");
        present(data, "data");
        device->allocator.require(address, bytes);
        std::memcpy(data, device->transport->at(address), bytes);
    });
}

// The host sees device memory as it is: nothing has to be copied either way.
int hwacc_map(hwacc_device* device, hwacc_address address, size_t bytes, void** pointer) {
    return guarded([&] {
        present(device, "device");
        present(pointer, "pointer");
        device->allocator.require(address, bytes);
        *pointer = device->transport->at(address);
    });
}

int hwacc_unmap(hwacc_device* device, void* pointer) {
    return guarded([&] {
        present(device, "device");
        present(pointer, "pointer");
        const uint64_t offset = uint64_t(static_cast<uint8_t*>(pointer) - device->transport->memory());
        if (offset >= device->transport->size()) fail(HWACC_BAD_ARGUMENT, "the pointer is not one that hwacc_map gave");
    });
}

int hwacc_submit(hwacc_device* device, const void* stream, size_t bytes, const hwacc_address* buffers, size_t count, uint64_t* ticket) {
    return guarded([&] {
        present(device, "device");
        present(stream, "stream");
        present(buffers, "buffers");
        present(ticket, "ticket");
        const Stream read(stream, bytes);
        device->require(read.configuration, "the stream");
        if (count != read.slots.size()) fail(HWACC_BAD_ARGUMENT, "the stream has %zu buffers, not %zu", read.slots.size(), count);
        read.check(buffers, device->allocator);
        *ticket = device->queue.launch(read.placed(buffers, device->queue.entry()));
    });
}

int hwacc_wait(hwacc_device* device, uint64_t ticket, hwacc_completion* completion) {
    hwacc_completion ignored;
    return guarded([&] {
        present(device, "device");
        device->queue.wait(ticket, completion ? *completion : ignored);
    });
}
}
