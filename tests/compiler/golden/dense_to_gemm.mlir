// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(dense-to-gemm,canonicalize)' | FileCheck %s

// A convolution over single pixels is a matrix product; its constant weights stay a constant.
// CHECK-LABEL: @dense
// CHECK: %[[W:.*]] = arith.constant dense<{{.*}}> : tensor<2x3xi8>
// CHECK: %[[X:.*]] = tensor.collapse_shape %arg0 {{\[\[}}0], [1, 2, 3]] : tensor<4x1x1x3xi8> into tensor<4x3xi8>
// CHECK: %[[Y:.*]] = "hwacc.gemm"(%[[X]], %[[W]],
// CHECK-SAME: clamp_max = 90 : i32, clamp_min = -100 : i32, double_round = true
// CHECK-SAME: weights_kn = false, zero_point = 5 : i32
// CHECK: tensor.expand_shape %[[Y]]
func.func @dense(%x: tensor<4x1x1x3xi8>) -> tensor<4x1x1x2xi8> {
  %w = arith.constant dense<[[[[1, 2, 3]]], [[[-7, 0, 5]]]]> : tensor<2x1x1x3xi8>
  %b = arith.constant dense<[10, -20]> : tensor<2xi32>
  %m = arith.constant dense<1234567890> : tensor<1xi32>
  %s = arith.constant dense<38> : tensor<1xi8>
  %y = "hwacc.conv2d"(%x, %w, %b, %m, %s) {padding = array<i64: 0, 0, 0, 0>, pad_value = 0 : i32, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, input_zero_point = 0 : i32, double_round = true, zero_point = 5 : i32,
      clamp_min = -100 : i32, clamp_max = 90 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1>}
      : (tensor<4x1x1x3xi8>, tensor<2x1x1x3xi8>, tensor<2xi32>, tensor<1xi32>, tensor<1xi8>) -> tensor<4x1x1x2xi8>
  return %y : tensor<4x1x1x2xi8>
}

// -----

// A convolution over more pixels stays one.
// CHECK-LABEL: @pointwise
// CHECK: "hwacc.conv2d"
func.func @pointwise(%x: tensor<4x1x2x3xi8>) -> tensor<4x1x2x2xi8> {
  %w = arith.constant dense<[[[[1, 2, 3]]], [[[-7, 0, 5]]]]> : tensor<2x1x1x3xi8>
  %b = arith.constant dense<[10, -20]> : tensor<2xi32>
  %m = arith.constant dense<1234567890> : tensor<1xi32>
  %s = arith.constant dense<38> : tensor<1xi8>
  %y = "hwacc.conv2d"(%x, %w, %b, %m, %s) {padding = array<i64: 0, 0, 0, 0>, pad_value = 0 : i32, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, input_zero_point = 0 : i32, double_round = true, zero_point = 5 : i32,
      clamp_min = -100 : i32, clamp_max = 90 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1>}
      : (tensor<4x1x2x3xi8>, tensor<2x1x1x3xi8>, tensor<2xi32>, tensor<1xi32>, tensor<1xi8>) -> tensor<4x1x2x2xi8>
  return %y : tensor<4x1x2x2xi8>
}
