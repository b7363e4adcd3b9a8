// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(refuse-narrow-elements)' | FileCheck %s

// A boolean that is not in memory is fine.
// CHECK-LABEL: @scalar
// CHECK: arith.cmpi
func.func @scalar(%a: memref<4xi8>, %i: i32) -> i1 {
  %0 = arith.cmpi slt, %i, %i : i32
  return %0 : i1
}
