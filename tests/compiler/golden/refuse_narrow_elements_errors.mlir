// RUN: not hwacc opt %s --split-input-file --pass-pipeline='builtin.module(refuse-narrow-elements)' 2>&1 | FileCheck %s

// A buffer of booleans is refused, with its location.
// CHECK: hwacc: error: memref<4xi1>: tensors of booleans are not supported (at mask)
func.func @booleans() {
  %0 = memref.alloc() : memref<4xi1> loc("mask")
  return
}
