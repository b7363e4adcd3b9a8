// The simulated accelerator behind driver/hwacc.h: a Transport over the harness. Options are those of `hwacc run --device sim`.
#include <cinttypes>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "error.hpp"
#include "exports.hpp"
#include "parameters.hpp"
#include "transport.hpp"
#include "wire.hpp"

namespace {

using hwacc::fail;

constexpr uint64_t PAGE = 4096;
constexpr uint32_t RESET_CYCLES = 4;
constexpr uint32_t QUEUE_DEPTH = 256;
const char* const BUS_ERRORS[] = {"", "no answer", "the bus answered SLVERR", "the bus answered DECERR; there is no such register"};

struct Options {
    uint64_t memory_bytes = 64 << 20;
    uint64_t memory_latency = 32;
    uint64_t seconds = 900;
    uint64_t error_start = 0, error_bytes = 0;

    explicit Options(const char* text) {
        for (const char* next = text ? text : ""; *next;) {
            const size_t length = std::strcspn(next, ",");
            set(std::string(next, length));
            next += length + (next[length] == ',');
        }
        if (memory_bytes == 0 || memory_bytes % PAGE)
            fail(HWACC_BAD_ARGUMENT, "memory_bytes must be a positive multiple of %" PRIu64 ", not %" PRIu64, PAGE, memory_bytes);
        if (memory_latency > UINT32_MAX) fail(HWACC_BAD_ARGUMENT, "memory_latency must fit in 32 bits");
    }

  private:
    void set(const std::string& option) {
        const size_t equals = option.find('=');
        const std::string name = option.substr(0, equals), value = equals == std::string::npos ? "" : option.substr(equals + 1);
        const std::map<std::string, uint64_t*> known{{"memory_bytes", &memory_bytes}, {"memory_latency", &memory_latency},
            {"seconds", &seconds}, {"error_start", &error_start}, {"error_bytes", &error_bytes}};
        const auto place = known.find(name);
        if (place == known.end()) {
            std::string names;
            for (const auto& [each, _] : known) names += (names.empty() ? "" : ", ") + each;
            fail(HWACC_BAD_ARGUMENT, "unknown option '%s'; known: %s", name.c_str(), names.c_str());
        }
        if (value.empty() || value.size() > 18 || value.find_first_not_of("0123456789") != std::string::npos)
            fail(HWACC_BAD_ARGUMENT, "%s must be a number, not '%s'", name.c_str(), value.c_str());
        *place->second = std::strtoull(value.c_str(), nullptr, 10);
    }
};

class Simulated : public hwacc::Transport {
  public:
    explicit Simulated(const Options& options)
        : options_(options), memory_(static_cast<uint8_t*>(std::calloc(1, options.memory_bytes)), &std::free), world_(nullptr, &sim_destroy) {
        if (!memory_)
            fail(HWACC_NO_MEMORY, "this machine cannot hold %" PRIu64 " bytes of device memory; ask for less", options.memory_bytes);
        Parameters parameters{};
        parameters.memory_bytes = options.memory_bytes;
        parameters.memory = memory_.get();
        parameters.doorbell = hwacc::wire::RING_TAIL;
        parameters.read_latency = parameters.write_latency = uint32_t(options.memory_latency);
        parameters.error_base = options.error_start;
        parameters.error_bytes = options.error_bytes;
        parameters.queue_depth = QUEUE_DEPTH;
        parameters.seed = 1;
        world_.reset(sim_create(&parameters));
        sim_reset(world_.get(), RESET_CYCLES);
    }

    uint64_t base() const override { return 0; }
    uint64_t size() const override { return options_.memory_bytes; }
    uint8_t* memory() const override { return memory_.get(); }
    double seconds() const override { return double(options_.seconds); }

    uint32_t read(uint32_t offset) override {
        uint32_t value = 0;
        check(sim_csr_read(world_.get(), offset, &value), "read", offset);
        return value;
    }

    void write(uint32_t offset, uint32_t value) override { check(sim_csr_write(world_.get(), offset, value), "write", offset); }

    bool advance(uint64_t cycles) override {
        sim_run(world_.get(), cycles, 1);
        check_rules();
        return sim_irq(world_.get());
    }

  private:
    void check_rules() const {
        const char* text = sim_fault(world_.get());
        if (*text) fail(HWACC_FAULT, "the simulated device broke a bus rule: %s", text);
    }

    void check(int error, const char* verb, uint32_t offset) const {
        check_rules();
        if (error) fail(HWACC_FAULT, "register %s at 0x%02x: %s", verb, offset, BUS_ERRORS[error]);
    }

    Options options_;
    std::unique_ptr<uint8_t, decltype(&std::free)> memory_;
    std::unique_ptr<void, decltype(&sim_destroy)> world_;
};

}  // namespace

std::unique_ptr<hwacc::Transport> hwacc::open_transport(const char* options) { return std::make_unique<Simulated>(Options(options)); }
