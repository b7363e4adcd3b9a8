// The C interface of harness.cpp, which sim/binding.py declares for Python.
#pragma once

#include <cstdint>

#include "parameters.hpp"

extern "C" {
void* sim_create(const Parameters* parameters);
void sim_destroy(void* handle);
void sim_reset(void* handle, uint32_t cycles);
int sim_csr_read(void* handle, uint32_t offset, uint32_t* value);
int sim_csr_write(void* handle, uint32_t offset, uint32_t value);
int sim_run(void* handle, uint64_t cycles, int until_interrupt);
int sim_irq(void* handle);
uint64_t sim_cycles(void* handle);
int64_t sim_doorbell_to_irq(void* handle);
void sim_traffic(void* handle, uint64_t* counts);
void sim_clear_traffic(void* handle);
const char* sim_fault(void* handle);
void sim_trace_open(void* handle, const char* path);
void sim_trace_close(void* handle);
}
