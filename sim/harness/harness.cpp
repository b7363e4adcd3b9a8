// The world around the Verilated accelerator: a clock, a memory, a register master; and the C interface that sim/binding.py declares.
//
// A cycle: the world drives its outputs, the device's logic settles, both sides' handshakes are observed, the clock rises. (With
// BOTH_EDGES, the device keeps what there is to observe, so that all of this takes one evaluation.)

#include <cstdint>
#include <memory>

#include "Vhwacc.h"
#include "exports.hpp"
#include "memory.hpp"
#include "parameters.hpp"
#include "registers.hpp"
#include "rules.hpp"
#include "stalls.hpp"
#include "verilated.h"
#include "waveform.hpp"

namespace {

enum Stop { INTERRUPT, CYCLES, FAULT };
enum BusError { ANSWERED = 0, NO_ANSWER = 1, BUS_SLVERR = 2, BUS_DECERR = 3 };

constexpr uint64_t BUS_LIMIT = 10000;  // cycles after which a register access counts as hung
constexpr uint64_t PERIOD = 10;        // nanoseconds of a cycle in waveforms
constexpr int64_t UNKNOWN = -1;

class World {
  public:
    explicit World(const Parameters& parameters) : parameters_(parameters), stalls_(parameters_), top_(prepared()) {
        new_memory();
        top_.rst = 1;
    }

    ~World() {
        waveform.close();
        top_.final();
    }

    // Both ends of every bus start afresh, as a system reset would have it.
    void reset(uint32_t cycles) {
        new_memory();
        registers_.cancel();
        for (uint32_t i = 0; i < cycles; ++i) step(true);
    }

    Stop run(uint64_t limit, bool until_interrupt) {
        for (uint64_t i = 0; i < limit; ++i) {
            if (fault) return FAULT;
            if (until_interrupt && top_.irq) return INTERRUPT;
            step(false);
        }
        return fault ? FAULT : top_.irq ? INTERRUPT : CYCLES;
    }

    BusError read(uint32_t offset, uint32_t& value) {
        registers_.read(offset);
        const BusError error = finish_access();
        value = registers_.value();
        return error;
    }

    BusError write(uint32_t offset, uint32_t value) {
        registers_.write(offset, value);
        return finish_access();
    }

    void open_waveform(const char* path) { waveform.open(top_, path); }

    void traffic(uint64_t* counts) const {
        counts[0] = read_side_->bytes;
        counts[1] = write_side_->bytes;
        counts[2] = write_side_->strobed;
    }

    void clear_traffic() { read_side_->bytes = write_side_->bytes = write_side_->strobed = 0; }

    bool irq() const { return top_.irq; }
    uint64_t cycle() const { return cycle_; }
    int64_t doorbell_to_irq() const { return doorbell_to_irq_; }

    Fault fault;
    Waveform waveform;

  private:
    // Tracing must be announced before the model exists.
    VerilatedContext* prepared() {
        context_.traceEverOn(VM_TRACE);
        return &context_;
    }

    void new_memory() {
        uint64_t counts[3] = {0, 0, 0};
        if (read_side_) traffic(counts);
        read_side_ = std::make_unique<ReadSide>(parameters_, stalls_, fault);
        write_side_ = std::make_unique<WriteSide>(parameters_, stalls_, fault);
        read_side_->bytes = counts[0];
        write_side_->bytes = counts[1];
        write_side_->strobed = counts[2];
    }

    void step(bool in_reset) {
        top_.rst = in_reset;
        read_side_->drive(top_, cycle_);
        write_side_->drive(top_, cycle_);
        registers_.drive(top_);
        if (BOTH_EDGES) clock_edge(in_reset);
        else clock_period(in_reset);
        ++cycle_;
        if (top_.irq && !irq_before_ && timing_) stop_stopwatch();
        irq_before_ = top_.irq;
    }

    void clock_period(bool in_reset) {
        top_.clk = 0;
        top_.eval();
        waveform.dump(cycle_ * PERIOD);
        if (!in_reset) observe();
        top_.clk = 1;
        top_.eval();
        waveform.dump(cycle_ * PERIOD + PERIOD / 2);
    }

    // With sim/edges.py: outputs are those before the edge.
    void clock_edge(bool in_reset) {
        top_.clk = !top_.clk;
        top_.eval();
        if (!in_reset) observe();
    }

    void observe() {
        read_side_->observe(top_, cycle_);
        write_side_->observe(top_, cycle_);
        if (registers_.observe(top_) && registers_.offset() == parameters_.doorbell) start_stopwatch();
    }

    // From the cycle in which the doorbell is accepted to the first one in which the interrupt is high.
    void start_stopwatch() {
        doorbell_ = cycle_;
        doorbell_to_irq_ = UNKNOWN;
        timing_ = true;
    }

    void stop_stopwatch() {
        doorbell_to_irq_ = static_cast<int64_t>(cycle_ - doorbell_);
        timing_ = false;
    }

    BusError finish_access() {
        const uint64_t limit = cycle_ + BUS_LIMIT;
        while (registers_.busy() && cycle_ < limit && !fault) step(false);
        if (registers_.busy()) {
            registers_.cancel();
            return NO_ANSWER;
        }
        return static_cast<BusError>(registers_.response());
    }

    const Parameters parameters_;
    Stalls stalls_;
    VerilatedContext context_;
    Vhwacc top_;
    std::unique_ptr<ReadSide> read_side_;
    std::unique_ptr<WriteSide> write_side_;
    Registers registers_;
    uint64_t cycle_ = 0;
    uint64_t doorbell_ = 0;
    int64_t doorbell_to_irq_ = UNKNOWN;
    bool timing_ = false;
    bool irq_before_ = false;
};

World& world(void* handle) { return *static_cast<World*>(handle); }

}  // namespace

extern "C" {

void* sim_create(const Parameters* parameters) { return new World(*parameters); }
void sim_destroy(void* handle) { delete &world(handle); }
void sim_reset(void* handle, uint32_t cycles) { world(handle).reset(cycles); }
int sim_csr_read(void* handle, uint32_t offset, uint32_t* value) { return world(handle).read(offset, *value); }
int sim_csr_write(void* handle, uint32_t offset, uint32_t value) { return world(handle).write(offset, value); }
int sim_run(void* handle, uint64_t cycles, int until_interrupt) { return world(handle).run(cycles, until_interrupt != 0); }
int sim_irq(void* handle) { return world(handle).irq(); }
uint64_t sim_cycles(void* handle) { return world(handle).cycle(); }
int64_t sim_doorbell_to_irq(void* handle) { return world(handle).doorbell_to_irq(); }
void sim_traffic(void* handle, uint64_t* counts) { world(handle).traffic(counts); }
void sim_clear_traffic(void* handle) { world(handle).clear_traffic(); }
const char* sim_fault(void* handle) { return world(handle).fault.text(); }
void sim_trace_open(void* handle, const char* path) { world(handle).open_waveform(path); }
void sim_trace_close(void* handle) { world(handle).waveform.close(); }
}
