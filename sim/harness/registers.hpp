// The AXI4-Lite master: one register access at a time.
#pragma once

#include <cstdint>

#include "Vhwacc.h"

#define S_AXIL(name) top.s_axil___05F##name

class Registers {
  public:
    void read(uint32_t offset) {
        offset_ = offset;
        address_due_ = answer_due_ = true;
        writing_ = data_due_ = false;
    }

    void write(uint32_t offset, uint32_t value) {
        read(offset);
        value_ = value;
        writing_ = data_due_ = true;
    }

    void drive(Vhwacc& top) const {
        S_AXIL(awvalid) = writing_ && address_due_;
        S_AXIL(wvalid) = writing_ && data_due_;
        S_AXIL(bready) = writing_ && answer_due_;
        S_AXIL(arvalid) = !writing_ && address_due_;
        S_AXIL(rready) = !writing_ && answer_due_;
        S_AXIL(awaddr) = S_AXIL(araddr) = offset_;
        S_AXIL(awprot) = S_AXIL(arprot) = 0;
        S_AXIL(wdata) = value_;
        S_AXIL(wstrb) = 0xF;
    }

    // Returns whether a write was accepted whole, address and data, in this cycle.
    bool observe(Vhwacc& top) {
        const bool pending = address_due_ || data_due_;
        if (writing_ ? S_AXIL(awvalid) && S_AXIL(awready) : S_AXIL(arvalid) && S_AXIL(arready)) address_due_ = false;
        if (S_AXIL(wvalid) && S_AXIL(wready)) data_due_ = false;
        if (writing_ && S_AXIL(bvalid) && S_AXIL(bready)) answer(S_AXIL(bresp), 0);
        if (!writing_ && S_AXIL(rvalid) && S_AXIL(rready)) answer(S_AXIL(rresp), S_AXIL(rdata));
        return writing_ && pending && !address_due_ && !data_due_;
    }

    bool busy() const { return address_due_ || data_due_ || answer_due_; }
    void cancel() { address_due_ = data_due_ = answer_due_ = false; }
    uint32_t offset() const { return offset_; }
    uint32_t value() const { return result_; }
    uint8_t response() const { return response_; }

  private:
    void answer(uint8_t response, uint32_t value) {
        response_ = response;
        result_ = value;
        answer_due_ = false;
    }

    uint32_t offset_ = 0, value_ = 0, result_ = 0;
    uint8_t response_ = 0;
    bool writing_ = false, address_due_ = false, data_due_ = false, answer_due_ = false;
};
