// RUN: not hwacc opt %s --split-input-file --pass-pipeline='builtin.module(array-to-machine)' 2>&1 | FileCheck %s

// Panels that leave out a row.
// CHECK: hwacc: error: hwacc.gemm: hwacc.panels: its rows do not go from 0 to 3 (at fc)
func.func private @dense(%x: tensor<3x8xi8>, %w: tensor<8x4xi8>) -> tensor<3x4xi32> attributes {hwacc.backend = "hwacc"} {
  %bias = arith.constant dense<0> : tensor<4xi32>
  %y = "hwacc.gemm"(%x, %w, %bias) {input_km = false, weights_kn = true, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      hwacc.panels = {columns = array<i64: 0, 4>, dataflow = "output-stationary", rows = array<i64: 0, 2>, rows_inner = true, steps = array<i64: 0, 8>},
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<3x8xi8>, tensor<8x4xi8>, tensor<4xi32>) -> tensor<3x4xi32> loc("fc")
  return %y : tensor<3x4xi32>
}

// -----

// No bounds for the columns.
// CHECK: hwacc: error: hwacc.gemm: hwacc.panels: 'columns' is missing (at fc)
func.func private @dense(%x: tensor<3x8xi8>, %w: tensor<8x4xi8>) -> tensor<3x4xi32> attributes {hwacc.backend = "hwacc"} {
  %bias = arith.constant dense<0> : tensor<4xi32>
  %y = "hwacc.gemm"(%x, %w, %bias) {input_km = false, weights_kn = true, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      hwacc.panels = {dataflow = "output-stationary", rows = array<i64: 0, 3>, rows_inner = true, steps = array<i64: 0, 8>},
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<3x8xi8>, tensor<8x4xi8>, tensor<4xi32>) -> tensor<3x4xi32> loc("fc")
  return %y : tensor<3x4xi32>
}

// -----

// A word that no blocking has.
// CHECK: hwacc: error: hwacc.gemm: hwacc.panels: 'row_inner' is not a known name (at fc)
func.func private @dense(%x: tensor<3x8xi8>, %w: tensor<8x4xi8>) -> tensor<3x4xi32> attributes {hwacc.backend = "hwacc"} {
  %bias = arith.constant dense<0> : tensor<4xi32>
  %y = "hwacc.gemm"(%x, %w, %bias) {input_km = false, weights_kn = true, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      hwacc.panels = {columns = array<i64: 0, 4>, dataflow = "output-stationary", rows = array<i64: 0, 3>, row_inner = true, steps = array<i64: 0, 8>},
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<3x8xi8>, tensor<8x4xi8>, tensor<4xi32>) -> tensor<3x4xi32> loc("fc")
  return %y : tensor<3x4xi32>
}

// -----

// A dataflow that does not exist.
// CHECK: hwacc: error: hwacc.gemm: hwacc.panels: dataflow must be one of output-stationary, weight-stationary, not 'row-stationary' (at fc)
func.func private @dense(%x: tensor<3x8xi8>, %w: tensor<8x4xi8>) -> tensor<3x4xi32> attributes {hwacc.backend = "hwacc"} {
  %bias = arith.constant dense<0> : tensor<4xi32>
  %y = "hwacc.gemm"(%x, %w, %bias) {input_km = false, weights_kn = true, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      hwacc.panels = {columns = array<i64: 0, 4>, dataflow = "row-stationary", rows = array<i64: 0, 3>, rows_inner = true, steps = array<i64: 0, 8>},
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<3x8xi8>, tensor<8x4xi8>, tensor<4xi32>) -> tensor<3x4xi32> loc("fc")
  return %y : tensor<3x4xi32>
}

// -----

// Panels outside a task.
// CHECK: hwacc: error: hwacc.gemm: it has hwacc.panels, but is in no task of its own: form-tasks makes it one (at fc)
func.func private @dense(%x: tensor<3x8xi8>, %w: tensor<8x4xi8>) -> tensor<3x4xi32> {
  %bias = arith.constant dense<0> : tensor<4xi32>
  %y = "hwacc.gemm"(%x, %w, %bias) {input_km = false, weights_kn = true, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      hwacc.panels = {columns = array<i64: 0, 4>, dataflow = "output-stationary", rows = array<i64: 0, 3>, rows_inner = true, steps = array<i64: 0, 8>},
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<3x8xi8>, tensor<8x4xi8>, tensor<4xi32>) -> tensor<3x4xi32> loc("fc")
  return %y : tensor<3x4xi32>
}
