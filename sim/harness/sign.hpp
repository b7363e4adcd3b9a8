// Verilator's sign extension and signed multiplication in a form that compilers translate to one instruction.
//
// Verilator's own functions or the value with a mask made of its sign bit, which no compiler recognises; the array does
// little else. The results are the same for every value without bits above its width, which Verilator guarantees.
#pragma once

#include <cstdint>

#include "verilated.h"

inline IData hwacc_extend(int bits, IData value) { return static_cast<IData>(static_cast<int32_t>(value << (32 - bits)) >> (32 - bits)); }
inline QData hwacc_extend_wide(int bits, QData value) { return static_cast<QData>(static_cast<int64_t>(value << (64 - bits)) >> (64 - bits)); }

#define VL_EXTENDS_II(result, bits, value) hwacc_extend(bits, value)
#define VL_EXTENDS_QI(result, bits, value) hwacc_extend_wide(bits, value)
#define VL_EXTENDS_QQ(result, bits, value) hwacc_extend_wide(bits, value)
#define VL_MULS_III(bits, left, right) (hwacc_extend(bits, left) * hwacc_extend(bits, right))
#define VL_MULS_QQQ(bits, left, right) (hwacc_extend_wide(bits, left) * hwacc_extend_wide(bits, right))
