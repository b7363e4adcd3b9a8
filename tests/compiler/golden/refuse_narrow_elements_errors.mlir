// RUN: not hwacc opt %s --split-input-file --pass-pipeline='builtin.module(refuse-narrow-elements)' 2>&1 | FileCheck %s

// A buffer of half bytes is refused, with its location.
// CHECK: hwacc: error: memref<4xi4>: elements narrower than a byte are not supported (at mask)
func.func @nibbles() {
  %0 = memref.alloc() : memref<4xi4> loc("mask")
  return
}
