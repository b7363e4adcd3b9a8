// An AXI4 memory: separate read and write channels, a fixed latency, then one beat a cycle each way.
//
// A read accepted in cycle t has its first beat in cycle max(t + latency, the cycle after the beat before it); a write's response
// follows its last beat (or its address, if that is later) by the write latency. Bursts are answered in order. A write reaches the
// memory when its response is offered, the latest moment that AXI allows, and a read looks at the memory when its beat is offered, so
// that a master which does not wait for its responses is found out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>

#include "Vhwacc.h"
#include "parameters.hpp"
#include "rules.hpp"
#include "stalls.hpp"

#define M_AXI(name) top.m_axi___05F##name  // Verilator's spelling of m_axi__name

enum Response : uint8_t { OKAY = 0, SLVERR = 2, DECERR = 3 };

struct Burst {
    Address address;
    Response response;
    uint64_t due;  // first cycle in which it may be answered
};

// What the memory answers to a burst, by where it lies.
inline Response respond(const Parameters& parameters, const Address& burst) {
    const uint64_t start = burst.address, end = start + burst.bytes();
    if (start < parameters.memory_base || end > parameters.memory_base + parameters.memory_bytes) return DECERR;
    if (start < parameters.error_base + parameters.error_bytes && end > parameters.error_base) return SLVERR;
    return OKAY;
}

// A latency of 0 would need a path through the memory within a cycle; its outputs are registered.
inline uint64_t due(uint64_t cycle, uint32_t latency) { return cycle + std::max<uint32_t>(latency, 1); }

class ReadSide {
  public:
    uint64_t bytes = 0;  // of all beats

    ReadSide(const Parameters& parameters, Stalls& stalls, Fault& fault) : parameters_(parameters), stalls_(stalls), fault_(fault) {}

    void drive(Vhwacc& top, uint64_t cycle) {
        M_AXI(arready) = queue_.size() < parameters_.queue_depth && !stalls_(AR);
        if (!offered_ && !queue_.empty() && cycle >= queue_.front().due && !stalls_(R)) offer(top);
        if (!offered_ && M_AXI(rvalid)) withdraw(top);
    }

    void observe(Vhwacc& top, uint64_t cycle) {
        if (M_AXI(rvalid) && M_AXI(rready)) taken();
        const bool valid = M_AXI(arvalid), ready = M_AXI(arready);
        if (!valid && !waited_) return;
        const Address address{M_AXI(araddr), M_AXI(arlen), M_AXI(arsize), M_AXI(arburst), M_AXI(arid)};
        stability_.observe(valid, ready, address, "ar", cycle, fault_);
        waited_ = valid && !ready;
        if (!valid || !ready) return;
        check_burst(address, "read", cycle, fault_);
        queue_.push_back({address, respond(parameters_, address), due(cycle, parameters_.read_latency)});
    }

  private:
    void offer(Vhwacc& top) {
        const Burst& burst = queue_.front();
        const uint64_t offset = burst.address.address - parameters_.memory_base + uint64_t(beat_) * BUS_BYTES;
        if (burst.response == OKAY) std::memcpy(&M_AXI(rdata), parameters_.memory + offset, BUS_BYTES);
        else std::memset(&M_AXI(rdata), NONSENSE, BUS_BYTES);
        M_AXI(rresp) = burst.response;
        M_AXI(rid) = burst.address.id;
        M_AXI(rlast) = beat_ == burst.address.length;
        M_AXI(rvalid) = offered_ = true;
    }

    // Data without rvalid is nonsense, for a master that looks all the same.
    void withdraw(Vhwacc& top) {
        std::memset(&M_AXI(rdata), NONSENSE, BUS_BYTES);
        M_AXI(rvalid) = 0;
    }

    void taken() {
        bytes += BUS_BYTES;
        offered_ = false;
        if (beat_++ < queue_.front().address.length) return;
        beat_ = 0;
        queue_.pop_front();
    }

    static constexpr int NONSENSE = 0xA5;
    const Parameters& parameters_;
    Stalls& stalls_;
    Fault& fault_;
    Stability<Address> stability_;
    std::deque<Burst> queue_;
    uint32_t beat_ = 0;  // of the burst at the head
    bool offered_ = false;
    bool waited_ = false;
};

class WriteSide {
  public:
    uint64_t bytes = 0;     // of all beats
    uint64_t strobed = 0;   // bytes that strobes enabled

    WriteSide(const Parameters& parameters, Stalls& stalls, Fault& fault) : parameters_(parameters), stalls_(stalls), fault_(fault) {}

    void drive(Vhwacc& top, uint64_t cycle) {
        M_AXI(awready) = addresses_.size() + answers_.size() < parameters_.queue_depth && !stalls_(AW);
        M_AXI(wready) = beats_.size() < BEATS && !stalls_(W);
        if (!offered_ && !answers_.empty() && cycle >= answers_.front().due && !stalls_(B)) offer(top);
        M_AXI(bvalid) = offered_;
    }

    void observe(Vhwacc& top, uint64_t cycle) {
        if (M_AXI(bvalid) && M_AXI(bready)) {
            offered_ = false;
            answers_.pop_front();
        }
        const bool address = observe_address(top, cycle), beat = observe_beat(top, cycle);
        if (address || beat) match(cycle);
    }

  private:
    bool observe_address(Vhwacc& top, uint64_t cycle) {
        const bool valid = M_AXI(awvalid), ready = M_AXI(awready);
        if (!valid && !address_waited_) return false;
        const Address address{M_AXI(awaddr), M_AXI(awlen), M_AXI(awsize), M_AXI(awburst), M_AXI(awid)};
        address_stability_.observe(valid, ready, address, "aw", cycle, fault_);
        address_waited_ = valid && !ready;
        if (!valid || !ready) return false;
        check_burst(address, "write", cycle, fault_);
        addresses_.push_back({address, respond(parameters_, address), 0});
        return true;
    }

    bool observe_beat(Vhwacc& top, uint64_t cycle) {
        const bool valid = M_AXI(wvalid), ready = M_AXI(wready);
        if (!valid && !beat_waited_) return false;
        Beat beat;
        std::memcpy(beat.data, &M_AXI(wdata), BUS_BYTES);
        beat.strobe = M_AXI(wstrb);
        beat.last = M_AXI(wlast);
        beat_stability_.observe(valid, ready, beat, "w", cycle, fault_);
        beat_waited_ = valid && !ready;
        if (!valid || !ready) return false;
        beats_.push_back(beat);
        ++open_;
        if (beat.last) {
            lengths_.push_back(open_);
            open_ = 0;
        }
        return true;
    }

    // Addresses and the runs of beats that end in WLAST belong together in order, whichever came first.
    void match(uint64_t cycle) {
        while (!addresses_.empty() && !lengths_.empty()) {
            Burst burst = addresses_.front();
            if (lengths_.front() != burst.address.length + 1u) fault_.raise(cycle, "wlast came on the wrong beat");
            burst.due = due(cycle, parameters_.write_latency);
            answers_.push_back(burst);
            addresses_.pop_front();
            lengths_.pop_front();
        }
        if (!addresses_.empty() && open_ > addresses_.front().address.length) fault_.raise(cycle, "wlast did not come on the last beat");
    }

    void offer(Vhwacc& top) {
        const Burst& burst = answers_.front();
        commit(burst);
        M_AXI(bresp) = burst.response;
        M_AXI(bid) = burst.address.id;
        offered_ = true;
    }

    void commit(const Burst& burst) {
        uint64_t offset = burst.address.address - parameters_.memory_base;
        for (unsigned i = 0; i <= burst.address.length && !beats_.empty(); ++i, offset += BUS_BYTES) {
            bytes += BUS_BYTES;
            strobed += __builtin_popcountll(beats_.front().strobe);
            if (burst.response == OKAY) put(parameters_.memory + offset, beats_.front());
            beats_.pop_front();
        }
    }

    static void put(uint8_t* target, const Beat& beat) {
        for (unsigned lane = 0; lane < BUS_BYTES; ++lane)
            if (beat.strobe >> lane & 1) target[lane] = beat.data[lane];
    }

    static constexpr size_t BEATS = 1 << 16;  // more than any latency needs
    const Parameters& parameters_;
    Stalls& stalls_;
    Fault& fault_;
    Stability<Address> address_stability_;
    Stability<Beat> beat_stability_;
    std::deque<Burst> addresses_;   // without all of their beats
    std::deque<Burst> answers_;     // complete, waiting for their response
    std::deque<Beat> beats_;        // not yet in memory: first those of answers_
    std::deque<uint32_t> lengths_;  // of the runs of beats that ended in WLAST and have no address yet
    uint32_t open_ = 0;             // beats since the last WLAST
    bool offered_ = false;
    bool address_waited_ = false;
    bool beat_waited_ = false;
};
