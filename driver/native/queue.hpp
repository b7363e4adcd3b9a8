// Submissions on their way through a device: launched, waited for, lost and dropped. As driver/queue.py.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "allocator.hpp"
#include "ring.hpp"
#include "stream.hpp"
#include "transport.hpp"
#include "wire.hpp"

namespace hwacc {

class Queue {
  public:
    Queue(Transport& transport, Allocator& allocator, size_t entry)
        : transport_(transport), allocator_(allocator), ring_(transport, allocator, entry), accounted_(transport.read(wire::SUBMISSIONS)) {
        transport_.write(wire::IRQ_ENABLE, 1u << wire::IRQ_ENABLE_completion.low);
    }

    // Bytes of an entry of the ring.
    size_t entry() const { return ring_.entry(); }

    // Gives the device whole entries and an END of their own; the submission's ticket.
    uint64_t launch(std::vector<uint8_t> entries) {
        if (broken_) fail(HWACC_FAULT, "the device did not come back from its reset; open it again");
        const uint64_t record = allocator_.allocate(wire::COMPLETION_BYTES, Owner::DRIVER);
        std::memset(transport_.at(record), 0, wire::COMPLETION_BYTES);
        std::vector<uint8_t> end(wire::SHORT_BYTES);
        put(end.data(), wire::OPCODE, wire::END);
        put(end.data(), wire::END_ADDRESS, record);
        put(end.data(), wire::END_TAG, ++last_);
        Stream::append(entries, end, ring_.entry());
        outstanding_.push_back({last_, record});
        ring_.push(entries);
        return last_;
    }

    // Retires every submission up to `ticket`; their cycles together. The first that ended badly is `completion`, and thrown.
    void wait(uint64_t ticket, hwacc_completion& completion) {
        if (ticket == 0 || ticket > last_) fail(HWACC_BAD_ARGUMENT, "no submission has ticket %llu", (unsigned long long)ticket);
        if (dropped_first_ <= ticket && ticket <= dropped_last_)
            fail(HWACC_FAULT, "submission %llu was dropped when the device was reset; submit it again", (unsigned long long)ticket);
        completion = {HWACC_STATUS_OK, 0, 0};
        std::string fault;
        while (!outstanding_.empty() && outstanding_.front().ticket <= ticket) {
            const Submission submission = outstanding_.front();
            const uint8_t* record = await(submission, completion);
            const uint64_t cycles = submission.ticket == last_ ? last_cycles() : get(record, wire::COMPLETION_CYCLES);
            const uint32_t status = uint32_t(get(record, wire::COMPLETION_STATUS));
            completion.cycles += cycles;
            if (status != HWACC_STATUS_OK && fault.empty()) {
                completion.status = status;
                completion.descriptor = uint32_t(get(record, wire::COMPLETION_DESCRIPTOR));
                fault = "submission " + std::to_string(submission.ticket) + " ended at descriptor " + std::to_string(completion.descriptor) +
                        ": " + meaning(status);
            }
            retire();
        }
        if (!fault.empty()) throw Error{HWACC_FAULT, fault};
    }

  private:
    using Clock = std::chrono::steady_clock;

    struct Submission {
        uint64_t ticket, record;
    };

    // Lets the device run until the oldest submission has its record.
    const uint8_t* await(const Submission& submission, hwacc_completion& completion) {
        const auto deadline = Clock::now() + std::chrono::duration<double>(transport_.seconds());
        while (!ended(submission)) {
            if (lost_one()) give_up_lost(submission, completion);
            ring_.feed();
            if (transport_.advance(ring_.waiting() ? FEED_CYCLES : WATCH_CYCLES)) acknowledge();
            if (Clock::now() > deadline && !ended(submission) && !lost_one()) give_up_late(submission, completion);
        }
        return transport_.at(submission.record);
    }

    bool ended(const Submission& submission) const {
        return get(static_cast<const uint8_t*>(transport_.at(submission.record)), wire::COMPLETION_STATUS) != 0;
    }

    // Whether the device ended a submission without a record: it could not read a descriptor or write the record. It has then dropped
    // what its ring held, and nobody who waits would otherwise learn of it.
    bool lost_one() {
        const uint32_t over = transport_.read(wire::SUBMISSIONS) - accounted_;
        uint32_t recorded = 0;
        for (const Submission& submission : outstanding_) recorded += ended(submission);
        return over > recorded;
    }

    [[noreturn]] void give_up_lost(const Submission& submission, hwacc_completion& completion) {
        const uint32_t status = get(transport_.read(wire::LAST_STATUS), wire::LAST_STATUS_status);
        completion.status = status;
        const char* reset = reset_in_words();
        fail(HWACC_FAULT, "submission %llu ended without a completion record: %s; the device %s", (unsigned long long)submission.ticket,
             meaning(status), reset);
    }

    [[noreturn]] void give_up_late(const Submission& submission, hwacc_completion& completion) {
        completion.status = 0;
        const char* reset = reset_in_words();
        fail(HWACC_TIMEOUT, "submission %llu did not end within %g seconds; the device %s", (unsigned long long)submission.ticket,
             transport_.seconds(), reset);
    }

    const char* reset_in_words() { return reset() ? "was reset and serves again" : "did not come back from its reset; open it again"; }

    // Drops everything outstanding; whether the device came back.
    bool reset() {
        transport_.write(wire::CONTROL, 1u << wire::CONTROL_reset.low);
        if (busy()) transport_.advance(RESET_CYCLES);
        broken_ = busy();
        if (!outstanding_.empty()) {
            dropped_first_ = outstanding_.front().ticket;
            dropped_last_ = outstanding_.back().ticket;
        }
        while (!outstanding_.empty()) retire();
        if (!broken_) {
            acknowledge();
            accounted_ = transport_.read(wire::SUBMISSIONS);
            ring_.restart();
        }
        return !broken_;
    }

    void retire() {
        allocator_.free(outstanding_.front().record, Owner::DRIVER);
        outstanding_.pop_front();
        ++accounted_;
    }

    bool busy() { return get(transport_.read(wire::STATUS), wire::STATUS_busy); }
    void acknowledge() { transport_.write(wire::IRQ_STATUS, 1u << wire::IRQ_STATUS_completion.low); }

    // Cycles of the last submission, its record included: only the registers can tell.
    uint64_t last_cycles() { return transport_.read(wire::CYCLES_LO) | uint64_t(transport_.read(wire::CYCLES_HI)) << 32; }

    static const char* meaning(uint32_t status) {
        constexpr size_t known = sizeof wire::STATUS_MEANING / sizeof *wire::STATUS_MEANING;
        return status < known ? wire::STATUS_MEANING[status] : "a status that this driver does not know";
    }

    static constexpr uint64_t FEED_CYCLES = 1000;     // between two looks at the ring while descriptors wait on the host
    static constexpr uint64_t WATCH_CYCLES = 100000;  // between two looks at the host's clock
    static constexpr uint64_t RESET_CYCLES = 10000;   // that a device may take to finish what its bus owes after a reset

    Transport& transport_;
    Allocator& allocator_;
    Ring ring_;
    std::deque<Submission> outstanding_;
    uint32_t accounted_;  // submissions that the device has counted and we have retired
    uint64_t last_ = 0;   // ticket
    uint64_t dropped_first_ = 1, dropped_last_ = 0;  // tickets that the last reset dropped
    bool broken_ = false;
};

}  // namespace hwacc
