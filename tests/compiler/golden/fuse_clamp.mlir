// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(fuse-clamp)' | FileCheck %s

// A clamp behind a reshape limits the contraction's own clamp: [-128, 100] and [9, 24] are [9, 24].
// CHECK-LABEL: @behind_reshape
// CHECK: %[[Y:.*]] = "hwacc.gemm"
// CHECK-SAME: clamp_max = 24 : i32, clamp_min = 9 : i32
// CHECK-NEXT: %[[Z:.*]] = tensor.expand_shape %[[Y]]
// CHECK-NOT: linalg.generic
// CHECK: return %[[Z]]
#all = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
func.func @behind_reshape(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>) -> tensor<2x2x3xi8> {
  %b = arith.constant dense<0> : tensor<3xi32>
  %m = arith.constant dense<1234567890> : tensor<1xi32>
  %s = arith.constant dense<38> : tensor<1xi8>
  %low = arith.constant 9 : i8
  %high = arith.constant 24 : i8
  %y = "hwacc.gemm"(%x, %w, %b, %m, %s) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = true, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 100 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>, tensor<1xi32>, tensor<1xi8>) -> tensor<4x3xi8>
  %z = tensor.expand_shape %y [[0, 1], [2]] output_shape [2, 2, 3] : tensor<4x3xi8> into tensor<2x2x3xi8>
  %e = tensor.empty() : tensor<2x2x3xi8>
  %r = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%z : tensor<2x2x3xi8>) outs(%e : tensor<2x2x3xi8>) {
  ^bb0(%in: i8, %out: i8):
    %0 = arith.maxsi %in, %low : i8
    %1 = arith.minsi %0, %high : i8
    linalg.yield %1 : i8
  } -> tensor<2x2x3xi8>
  return %r : tensor<2x2x3xi8>
}

// -----

// An operation that does more than clamp stays.
// CHECK-LABEL: @more_than_a_clamp
// CHECK: "hwacc.gemm"{{.*}}clamp_max = 100 : i32, clamp_min = -128 : i32
// CHECK: linalg.generic
#all = affine_map<(d0, d1) -> (d0, d1)>
func.func @more_than_a_clamp(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>) -> tensor<4x3xi8> {
  %b = arith.constant dense<0> : tensor<3xi32>
  %m = arith.constant dense<1234567890> : tensor<1xi32>
  %s = arith.constant dense<38> : tensor<1xi8>
  %one = arith.constant 1 : i8
  %y = "hwacc.gemm"(%x, %w, %b, %m, %s) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = true, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 100 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>, tensor<1xi32>, tensor<1xi8>) -> tensor<4x3xi8>
  %e = tensor.empty() : tensor<4x3xi8>
  %r = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<4x3xi8>) outs(%e : tensor<4x3xi8>) {
  ^bb0(%in: i8, %out: i8):
    %0 = arith.addi %in, %one : i8
    linalg.yield %0 : i8
  } -> tensor<4x3xi8>
  return %r : tensor<4x3xi8>
}
