// A waveform file, in the format that the build was made for; nothing in a build without.
#pragma once

#include <cstdint>
#include <memory>

#include "Vhwacc.h"

#if VM_TRACE_FST
#include "verilated_fst_c.h"
using WaveformFile = VerilatedFstC;
#elif VM_TRACE_VCD
#include "verilated_vcd_c.h"
using WaveformFile = VerilatedVcdC;
#endif

class Waveform {
  public:
#if VM_TRACE
    void open(Vhwacc& top, const char* path) {
        close();
        file_ = std::make_unique<WaveformFile>();
        top.trace(file_.get(), DEPTH);
        file_->open(path);
    }
    void dump(uint64_t time) {
        if (file_) file_->dump(time);
    }
    void close() {
        if (file_) file_->close();
        file_.reset();
    }
    ~Waveform() { close(); }

  private:
    static constexpr int DEPTH = 99;  // levels of hierarchy: all
    std::unique_ptr<WaveformFile> file_;
#else
    void open(Vhwacc&, const char*) {}
    void dump(uint64_t) {}
    void close() {}
#endif
};
