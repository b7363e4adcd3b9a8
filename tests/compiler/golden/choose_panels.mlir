// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(choose-panels)' | FileCheck %s

// A product that one panel holds: no bounds but the first and the last.
// CHECK: "hwacc.gemm"
// CHECK-SAME: hwacc.panels = {columns = array<i64: 0, 4>, dataflow = "{{[a-z-]+}}", rows = array<i64: 0, 3>
// CHECK-SAME: steps = array<i64: 0, 8>}
module attributes {hwacc.array = {rows = 4 : i64, cols = 4 : i64, spm_bytes = 16384 : i64, acc_bytes = 4096 : i64, channels = 64 : i64}} {
  func.func @small(%x: tensor<3x8xi8>, %w: tensor<8x4xi8>) -> tensor<3x4xi32> {
    %bias = arith.constant dense<0> : tensor<4xi32>
    %y = "hwacc.gemm"(%x, %w, %bias) {input_km = false, weights_kn = true, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
        clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<3x8xi8>, tensor<8x4xi8>, tensor<4xi32>) -> tensor<3x4xi32>
    return %y : tensor<3x4xi32>
  }
}

// -----

// The module's array decides: with an accumulator of 64 words a result of 4 columns has no panel of more than 64 rows.
// CHECK: "hwacc.gemm"
// CHECK-SAME: rows = array<i64: 0, {{([1-9]|[1-5][0-9]|6[0-4])}}, {{.*}}100>
module attributes {hwacc.array = {rows = 4 : i64, cols = 4 : i64, spm_bytes = 16384 : i64, acc_bytes = 1024 : i64, channels = 64 : i64}} {
  func.func @tall(%x: tensor<100x8xi8>, %w: tensor<8x4xi8>) -> tensor<100x4xi32> {
    %bias = arith.constant dense<0> : tensor<4xi32>
    %y = "hwacc.gemm"(%x, %w, %bias) {input_km = false, weights_kn = true, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
        clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<100x8xi8>, tensor<8x4xi8>, tensor<4xi32>) -> tensor<100x4xi32>
    return %y : tensor<100x4xi32>
  }
}

// -----

// Panels that are there already stay, whatever the planner thinks of them.
// CHECK: "hwacc.gemm"
// CHECK-SAME: hwacc.panels = {columns = array<i64: 0, 1, 4>, dataflow = "output-stationary", rows = array<i64: 0, 2, 3>, rows_inner = false, steps = array<i64: 0, 8>}
func.func @chosen(%x: tensor<3x8xi8>, %w: tensor<8x4xi8>) -> tensor<3x4xi32> {
  %bias = arith.constant dense<0> : tensor<4xi32>
  %y = "hwacc.gemm"(%x, %w, %bias) {input_km = false, weights_kn = true, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      hwacc.panels = {columns = array<i64: 0, 1, 4>, dataflow = "output-stationary", rows = array<i64: 0, 2, 3>, rows_inner = false, steps = array<i64: 0, 8>},
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<3x8xi8>, tensor<8x4xi8>, tensor<4xi32>) -> tensor<3x4xi32>
  return %y : tensor<3x4xi32>
}

// -----

// A product that no panel of this array holds goes to the CPU; its task says why.
// CHECK: func.func private @long
// CHECK-SAME: hwacc.backend = "cpu"
// CHECK-SAME: hwacc.reason = "a row of the input has 4000000000 bytes; at most
// CHECK-NOT: hwacc.panels
module {
  func.func private @long(%x: tensor<4000000000x1xi8>, %w: tensor<1x1xi8>) -> tensor<4000000000x1xi32> attributes {hwacc.backend = "hwacc"} {
    %bias = arith.constant dense<0> : tensor<1xi32>
    %y = "hwacc.gemm"(%x, %w, %bias) {input_km = false, weights_kn = true, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
        clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4000000000x1xi8>, tensor<1x1xi8>, tensor<1xi32>) -> tensor<4000000000x1xi32>
    return %y : tensor<4000000000x1xi32>
  }
}

// -----

// The form on memrefs gets its panels in the same way.
// CHECK: "hwacc.gemm_into"
// CHECK-SAME: hwacc.panels = {columns = array<i64: 0, 4>, dataflow = "{{[a-z-]+}}", rows = array<i64: 0, 3>
module attributes {hwacc.array = {rows = 4 : i64, cols = 4 : i64, spm_bytes = 16384 : i64, acc_bytes = 4096 : i64, channels = 64 : i64}} {
  memref.global "private" constant @b : memref<4xi32> = dense<0>
  func.func @on_memrefs(%x: memref<3x8xi8>, %w: memref<4x8xi8>, %y: memref<3x4xi32>) {
    %b = memref.get_global @b : memref<4xi32>
    "hwacc.gemm_into"(%x, %w, %b, %y) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>} : (memref<3x8xi8>, memref<4x8xi8>, memref<4xi32>, memref<3x4xi32>) -> ()
    return
  }
}
