// RUN: not hwacc opt %s --split-input-file --pass-pipeline='builtin.module(destination-style)' 2>&1 | FileCheck %s

// A function that takes no tensors is refused, with its location.
// CHECK: hwacc: error: function scalar takes i32; it must take and return tensors of known rank (at model)
func.func @scalar(%a: i32) {
  return
} loc("model")

// -----

// A declaration is refused.
// CHECK: hwacc: error: function declared has no body (at model)
func.func private @declared(tensor<4xi8>) -> tensor<4xi8> loc("model")
