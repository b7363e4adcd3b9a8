// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(fuse-bias,canonicalize)' | FileCheck %s

// One number for each output channel, added to the result, is part of the bias: 7 + 70, 8 - 80, 9 + 90.
// CHECK-LABEL: @per_channel
// CHECK: %[[B:.*]] = arith.constant dense<[77, -72, 99]> : tensor<3xi32>
// CHECK: %[[Y:.*]] = "hwacc.gemm"(%arg0, %arg1, %[[B]])
// CHECK-NEXT: return %[[Y]]
#all = affine_map<(d0, d1) -> (d0, d1)>
#channel = affine_map<(d0, d1) -> (d1)>
func.func @per_channel(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>) -> tensor<4x3xi32> {
  %b = arith.constant dense<[7, 8, 9]> : tensor<3xi32>
  %c = arith.constant dense<[70, -80, 90]> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %e = tensor.empty() : tensor<4x3xi32>
  %z = linalg.generic {indexing_maps = [#channel, #all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%c, %y : tensor<3xi32>, tensor<4x3xi32>) outs(%e : tensor<4x3xi32>) {
  ^bb0(%one: i32, %other: i32, %out: i32):
    %0 = arith.addi %one, %other : i32
    linalg.yield %0 : i32
  } -> tensor<4x3xi32>
  return %z : tensor<4x3xi32>
}

// -----

// Behind a transpose the channels are found along the other axis.
// CHECK-LABEL: @behind_a_transpose
// CHECK: %[[B:.*]] = arith.constant dense<[70, -80, 90]> : tensor<3xi32>
// CHECK: %[[Y:.*]] = "hwacc.gemm"(%arg0, %arg1, %[[B]])
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[Y]]
// CHECK-NEXT: return %[[T]]
#all = affine_map<(d0, d1) -> (d0, d1)>
#channel = affine_map<(d0, d1) -> (d0)>
func.func @behind_a_transpose(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>) -> tensor<3x4xi32> {
  %b = arith.constant dense<0> : tensor<3xi32>
  %c = arith.constant dense<[70, -80, 90]> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %e = tensor.empty() : tensor<3x4xi32>
  %t = linalg.transpose ins(%y : tensor<4x3xi32>) outs(%e : tensor<3x4xi32>) permutation = [1, 0]
  %z = linalg.generic {indexing_maps = [#all, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%t, %c : tensor<3x4xi32>, tensor<3xi32>) outs(%e : tensor<3x4xi32>) {
  ^bb0(%one: i32, %other: i32, %out: i32):
    %0 = arith.addi %one, %other : i32
    linalg.yield %0 : i32
  } -> tensor<3x4xi32>
  return %z : tensor<3x4xi32>
}

// -----

// One number for each row is no bias, nor is what is not constant.
// CHECK-LABEL: @no_bias
// CHECK: "hwacc.gemm"
// CHECK: arith.addi
// CHECK: "hwacc.gemm"
// CHECK: arith.addi
#all = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func @no_bias(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>, %m: tensor<4x3xi32>) -> (tensor<4x3xi32>, tensor<4x3xi32>) {
  %b = arith.constant dense<0> : tensor<3xi32>
  %c = arith.constant dense<[1, 2, 3, 4]> : tensor<4xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %e = tensor.empty() : tensor<4x3xi32>
  %z = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}
      ins(%y, %c : tensor<4x3xi32>, tensor<4xi32>) outs(%e : tensor<4x3xi32>) {
  ^bb0(%one: i32, %other: i32, %out: i32):
    %0 = arith.addi %one, %other : i32
    linalg.yield %0 : i32
  } -> tensor<4x3xi32>
  %y1 = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %z1 = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%y1, %m : tensor<4x3xi32>, tensor<4x3xi32>) outs(%e : tensor<4x3xi32>) {
  ^bb0(%one: i32, %other: i32, %out: i32):
    %0 = arith.addi %one, %other : i32
    linalg.yield %0 : i32
  } -> tensor<4x3xi32>
  return %z, %z1 : tensor<4x3xi32>, tensor<4x3xi32>
}
