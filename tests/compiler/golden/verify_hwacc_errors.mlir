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
