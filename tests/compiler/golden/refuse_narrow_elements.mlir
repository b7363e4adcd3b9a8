// PASSES: refuse-narrow-elements

// A buffer of booleans is refused, with its location.
// ERROR: memref<4xi1>: tensors of booleans are not supported (at mask)
func.func @booleans() {
  %0 = memref.alloc() : memref<4xi1> loc("mask")
  return
}

// -----

// A boolean that is not in memory is fine.
// CHECK-LABEL: @scalar
// CHECK: arith.cmpi
func.func @scalar(%a: memref<4xi8>, %i: i32) -> i1 {
  %0 = arith.cmpi slt, %i, %i : i32
  return %0 : i1
}
