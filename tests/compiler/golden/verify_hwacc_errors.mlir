// RUN: not hwacc opt %s --split-input-file --pass-pipeline='builtin.module(verify-hwacc)' 2>&1 | FileCheck %s

// Reduction lengths that differ are named, with the location.
// CHECK: hwacc: error: hwacc.gemm: K is 2 in the input and 5 in the weights (at fc)
func.func @lengths(%x: tensor<4x2xi8>, %w: tensor<3x5xi8>) -> tensor<4x3xi32> {
  %b = arith.constant dense<[1, 2, 3]> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x5xi8>, tensor<3xi32>) -> tensor<4x3xi32> loc("fc")
  return %y : tensor<4x3xi32>
}

// -----

// Operands of the wrong type are refused.
// CHECK: hwacc: error: hwacc.gemm: weights must be of i8, not i16 (at fc)
func.func @types(%x: tensor<4x2xi8>, %w: tensor<3x2xi16>) -> tensor<4x3xi32> {
  %b = arith.constant dense<[1, 2, 3]> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi16>, tensor<3xi32>) -> tensor<4x3xi32> loc("fc")
  return %y : tensor<4x3xi32>
}

// -----

// A convolution's result must have the size that padding and stride give.
// CHECK: hwacc: error: hwacc.conv2d: the result must be [1, 6, 4, 2], not [1, 6, 5, 2] (at conv)
func.func @size(%x: tensor<1x3x3x3xi8>, %w: tensor<2x1x1x3xi8>) -> tensor<1x6x5x2xi8> {
  %b = arith.constant dense<[10, -20]> : tensor<2xi32>
  %m = arith.constant dense<[1234567890, 2000000000]> : tensor<2xi32>
  %s = arith.constant dense<38> : tensor<1xi8>
  %y = "hwacc.conv2d"(%x, %w, %b, %m, %s) {padding = array<i64: 1, 2, 0, 1>, pad_value = -4 : i32, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, input_zero_point = 0 : i32, double_round = true, zero_point = 5 : i32,
      clamp_min = -100 : i32, clamp_max = 90 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1>}
      : (tensor<1x3x3x3xi8>, tensor<2x1x1x3xi8>, tensor<2xi32>, tensor<2xi32>, tensor<1xi8>) -> tensor<1x6x5x2xi8> loc("conv")
  return %y : tensor<1x6x5x2xi8>
}

// -----

// Shifts that TOSA does not define are refused.
// CHECK: hwacc: error: hwacc.conv2d: shifts must be from 2 to 62 (at conv)
func.func @shift(%x: tensor<1x3x3x3xi8>, %w: tensor<2x1x1x3xi8>) -> tensor<1x6x4x2xi8> {
  %b = arith.constant dense<[10, -20]> : tensor<2xi32>
  %m = arith.constant dense<[1234567890, 2000000000]> : tensor<2xi32>
  %s = arith.constant dense<[38, 63]> : tensor<2xi8>
  %y = "hwacc.conv2d"(%x, %w, %b, %m, %s) {padding = array<i64: 1, 2, 0, 1>, pad_value = -4 : i32, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, input_zero_point = 0 : i32, double_round = true, zero_point = 5 : i32,
      clamp_min = -100 : i32, clamp_max = 90 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1>}
      : (tensor<1x3x3x3xi8>, tensor<2x1x1x3xi8>, tensor<2xi32>, tensor<2xi32>, tensor<2xi8>) -> tensor<1x6x4x2xi8> loc("conv")
  return %y : tensor<1x6x4x2xi8>
}

// -----

// A machine-level attribute that does not fit its field is named.
// CHECK: hwacc: error: hwacc.compute: COMPUTE.m must fit in 16 unsigned bits, not 65536 (at tile)
func.func @field() {
  "hwacc.compute"() {acc = 0 : i64, acc_stride = 0 : i64, addend = 0 : i64, bias = 0 : i64, dataflow = 0 : i64, k = 1 : i64, k_step = 0 : i64, m = 65536 : i64, n = 1 : i64,
      north = 0 : i64, north_k_contiguous = 0 : i64, north_step = 0 : i64,
      north_stride = 0 : i64, signal_compute = 0 : i64, signal_load = 0 : i64,
      signal_store = 0 : i64, wait_compute = 0 : i64, wait_load = 0 : i64, wait_store = 0 : i64, west = 0 : i64,
      west_k_contiguous = 0 : i64, west_step = 0 : i64, west_stride = 0 : i64} : () -> () loc("tile")
  return
}

// -----

// An output of another type is refused.
// CHECK: hwacc: error: hwacc.gemm_into: the result must be of i32, not i8 (at fc)
memref.global "private" constant @b : memref<3xi32> = dense<[1, 2, 3]>
func.func @f(%x: memref<4x2xi8>, %w: memref<3x2xi8>, %y: memref<4x3xi8>) {
  %b = memref.get_global @b : memref<3xi32>
  "hwacc.gemm_into"(%x, %w, %b, %y) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>} : (memref<4x2xi8>, memref<3x2xi8>, memref<3xi32>, memref<4x3xi8>) -> () loc("fc")
  return
}

// -----

// An output of another size is refused.
// CHECK: hwacc: error: hwacc.gemm_into: the result must be [4, 3], not [3, 4] (at fc)
memref.global "private" constant @b : memref<3xi32> = dense<[1, 2, 3]>
func.func @f(%x: memref<4x2xi8>, %w: memref<3x2xi8>, %y: memref<3x4xi32>) {
  %b = memref.get_global @b : memref<3xi32>
  "hwacc.gemm_into"(%x, %w, %b, %y) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>} : (memref<4x2xi8>, memref<3x2xi8>, memref<3xi32>, memref<3x4xi32>) -> () loc("fc")
  return
}

// -----

// A memref with gaps is refused.
// CHECK: hwacc: error: hwacc.gemm_into: input must be a memref of static sizes, row-major without gaps, not memref<4x2xi8, strided<[4, 1]>> (at fc)
memref.global "private" constant @b : memref<3xi32> = dense<[1, 2, 3]>
func.func @f(%x: memref<4x2xi8, strided<[4, 1]>>, %w: memref<3x2xi8>, %y: memref<4x3xi32>) {
  %b = memref.get_global @b : memref<3xi32>
  "hwacc.gemm_into"(%x, %w, %b, %y) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>} : (memref<4x2xi8, strided<[4, 1]>>, memref<3x2xi8>, memref<3xi32>, memref<4x3xi32>) -> () loc("fc")
  return
}

// -----

// An open size is refused.
// CHECK: hwacc: error: hwacc.gemm_into: output must be a memref of static sizes, row-major without gaps, not memref<?x3xi32> (at fc)
memref.global "private" constant @b : memref<3xi32> = dense<[1, 2, 3]>
func.func @f(%x: memref<4x2xi8>, %w: memref<3x2xi8>, %y: memref<?x3xi32>) {
  %b = memref.get_global @b : memref<3xi32>
  "hwacc.gemm_into"(%x, %w, %b, %y) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>} : (memref<4x2xi8>, memref<3x2xi8>, memref<3xi32>, memref<?x3xi32>) -> () loc("fc")
  return
}

// -----

// A bias that is only in memory is no constant.
// CHECK: hwacc: error: hwacc.gemm_into: bias, multiplier and shift must be constants (at fc)
memref.global "private" @b : memref<3xi32> = dense<[1, 2, 3]>
func.func @f(%x: memref<4x2xi8>, %w: memref<3x2xi8>, %b: memref<3xi32>, %y: memref<4x3xi32>) {
  "hwacc.gemm_into"(%x, %w, %b, %y) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>} : (memref<4x2xi8>, memref<3x2xi8>, memref<3xi32>, memref<4x3xi32>) -> () loc("fc")
  return
}

// -----

// A global that may change is no constant either.
// CHECK: hwacc: error: hwacc.gemm_into: bias, multiplier and shift must be constants (at fc)
memref.global "private" @b : memref<3xi32> = dense<[1, 2, 3]>
func.func @f(%x: memref<4x2xi8>, %w: memref<3x2xi8>, %y: memref<4x3xi32>) {
  %b = memref.get_global @b : memref<3xi32>
  "hwacc.gemm_into"(%x, %w, %b, %y) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>} : (memref<4x2xi8>, memref<3x2xi8>, memref<3xi32>, memref<4x3xi32>) -> () loc("fc")
  return
}

// -----

// An output that is the input under another shape is refused.
// CHECK: hwacc: error: hwacc.gemm_into: output shares bytes with input (at fc)
memref.global "private" constant @b : memref<3xi32> = dense<[1, 2, 3]>
memref.global "private" constant @m : memref<1xi32> = dense<1518500249>
memref.global "private" constant @s : memref<1xi8> = dense<38>
func.func @f(%w: memref<3x12xi8>, %y: memref<4x3xi8>) {
  %x = memref.collapse_shape %y [[0, 1]] : memref<4x3xi8> into memref<12xi8>
  %v = memref.expand_shape %x [[0, 1]] output_shape [1, 12] : memref<12xi8> into memref<1x12xi8>
  %p = memref.collapse_shape %y [[0, 1]] : memref<4x3xi8> into memref<12xi8>
  %o = memref.expand_shape %p [[0, 1]] output_shape [4, 3] : memref<12xi8> into memref<4x3xi8>
  %w1 = memref.alloc() : memref<3x3xi8>
  %m = memref.get_global @m : memref<1xi32>
  %s = memref.get_global @s : memref<1xi8>
  %b = memref.get_global @b : memref<3xi32>
  "hwacc.gemm_into"(%o, %w1, %b, %m, %s, %y) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1>} : (memref<4x3xi8>, memref<3x3xi8>, memref<3xi32>, memref<1xi32>, memref<1xi8>, memref<4x3xi8>) -> () loc("fc")
  return
}

// -----

// Parts of one piece of memory that overlap are refused.
// CHECK: hwacc: error: hwacc.gemm_into: output shares bytes with weights (at fc)
memref.global "private" constant @b : memref<3xi32> = dense<[1, 2, 3]>
func.func @f(%arena: memref<128xi8>, %x: memref<4x2xi8>) {
  %c0 = arith.constant 0 : index
  %c5 = arith.constant 5 : index
  %w = memref.view %arena[%c0][] : memref<128xi8> to memref<3x2xi8>
  %y = memref.view %arena[%c5][] : memref<128xi8> to memref<4x3xi32>
  %b = memref.get_global @b : memref<3xi32>
  "hwacc.gemm_into"(%x, %w, %b, %y) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>} : (memref<4x2xi8>, memref<3x2xi8>, memref<3xi32>, memref<4x3xi32>) -> () loc("fc")
  return
}

// -----

// A constant cannot be written.
// CHECK: hwacc: error: hwacc.gemm_into: output is a constant (at fc)
memref.global "private" constant @b : memref<3xi32> = dense<[1, 2, 3]>
memref.global "private" constant @y : memref<4x3xi32> = dense<0>
func.func @f(%x: memref<4x2xi8>, %w: memref<3x2xi8>) {
  %b = memref.get_global @b : memref<3xi32>
  %y = memref.get_global @y : memref<4x3xi32>
  "hwacc.gemm_into"(%x, %w, %b, %y) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>} : (memref<4x2xi8>, memref<3x2xi8>, memref<3xi32>, memref<4x3xi32>) -> () loc("fc")
  return
}
