// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(array-to-linalg)' | FileCheck %s

// A convolution becomes padding, bias, sum and rescale, the padding filled with pad_value.
// CHECK-LABEL: @convolution
// CHECK: linalg.broadcast ins(%{{.*}} : tensor<2xi32>)
// CHECK: tensor.pad %arg0 low[0, 1, 0, 0] high[0, 2, 1, 0]
// CHECK: arith.constant -4 : i8
// CHECK: linalg.conv_2d_nhwc_fhwc
// CHECK-SAME: tensor<1x6x4x3xi8>
// CHECK: tosa.apply_scale %{{.*}} {rounding_mode = DOUBLE_ROUND}
// CHECK: arith.constant 5 : i32
// CHECK: arith.addi
// CHECK: arith.constant -100 : i32
// CHECK: arith.maxsi
// CHECK: arith.constant 90 : i32
// CHECK: arith.minsi
// CHECK: arith.trunci
func.func @convolution(%x: tensor<1x3x3x3xi8>, %w: tensor<2x1x1x3xi8>) -> tensor<1x6x4x2xi8> {
  %b = arith.constant dense<[10, -20]> : tensor<2xi32>
  %m = arith.constant dense<[1234567890, 2000000000]> : tensor<2xi32>
  %s = arith.constant dense<38> : tensor<1xi8>
  %y = "hwacc.conv2d"(%x, %w, %b, %m, %s) {padding = array<i64: 1, 2, 0, 1>, pad_value = -4 : i32, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, input_zero_point = 0 : i32, double_round = true, zero_point = 5 : i32,
      clamp_min = -100 : i32, clamp_max = 90 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1>}
      : (tensor<1x3x3x3xi8>, tensor<2x1x1x3xi8>, tensor<2xi32>, tensor<2xi32>, tensor<1xi8>) -> tensor<1x6x4x2xi8>
  return %y : tensor<1x6x4x2xi8>
}

// -----

// A matrix product without requantisation becomes a transposed linalg.matmul onto the bias.
// CHECK-DAG: #[[A:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[B:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-LABEL: @product
// CHECK: linalg.broadcast
// CHECK: linalg.matmul indexing_maps = [#[[A]], #[[B]], #{{.*}}]
// CHECK-NOT: linalg.generic
func.func @product(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>) -> tensor<4x3xi32> {
  %b = arith.constant dense<[1, 2, 3]> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  return %y : tensor<4x3xi32>
}

// -----

// What is linalg already stays as it is.
// CHECK-LABEL: @upstream
// CHECK-NEXT: %[[Y:.*]] = linalg.matmul ins(%arg0, %arg1 : tensor<4x2xi8>, tensor<2x3xi8>) outs(%arg2 : tensor<4x3xi32>)
// CHECK-NEXT: return %[[Y]]
func.func @upstream(%x: tensor<4x2xi8>, %w: tensor<2x3xi8>, %c: tensor<4x3xi32>) -> tensor<4x3xi32> {
  %y = linalg.matmul ins(%x, %w : tensor<4x2xi8>, tensor<2x3xi8>) outs(%c : tensor<4x3xi32>) -> tensor<4x3xi32>
  return %y : tensor<4x3xi32>
}

// -----

// A batch of products has a bias and a scale for each column of each product; the input may lie with k first.
// CHECK-LABEL: @batch
// CHECK: %[[B:.*]] = arith.constant dense<{{\[\[}}1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
// CHECK: %[[START:.*]] = linalg.broadcast ins(%[[B]] : tensor<2x3xi32>) {{.*}} dimensions = [1]
// CHECK: %[[SUM:.*]] = linalg.batch_matmul indexing_maps = [#[[KM:.*]], #[[KN:.*]], #{{.*}}] ins(%arg0, %arg1
// CHECK-SAME: outs(%[[START]]
// CHECK: %[[M:.*]] = arith.constant dense<{{\[\[}}1073741824, 1073741825, 1073741826], [1073741827, 1073741828, 1073741829]]> : tensor<2x3xi32>
// CHECK: linalg.generic {{.*}} ins(%[[SUM]], %[[M]], %{{.*}} : tensor<2x4x3xi32>, tensor<2x3xi32>, tensor<2x3xi8>)
func.func @batch(%x: tensor<2x5x4xi8>, %w: tensor<2x5x3xi8>) -> tensor<2x4x3xi8> {
  %b = arith.constant dense<[1, 2, 3, 4, 5, 6]> : tensor<6xi32>
  %m = arith.constant dense<[1073741824, 1073741825, 1073741826, 1073741827, 1073741828, 1073741829]> : tensor<6xi32>
  %s = arith.constant dense<38> : tensor<1xi8>
  %y = "hwacc.gemm"(%x, %w, %b, %m, %s) {input_km = true, weights_kn = true, input_zero_point = 0 : i32, double_round = true, zero_point = 0 : i32,
      clamp_min = -128 : i32, clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1>}
      : (tensor<2x5x4xi8>, tensor<2x5x3xi8>, tensor<6xi32>, tensor<6xi32>, tensor<1xi8>) -> tensor<2x4x3xi8>
  return %y : tensor<2x4x3xi8>
}

// -----

// Groups get a dimension of their own, and lose it again.
// CHECK-LABEL: @groups
// CHECK-DAG: tensor.expand_shape %arg0 {{.*}} output_shape [1, 5, 5, 2, 3]
// CHECK-DAG: tensor.expand_shape %arg1 {{.*}} output_shape [2, 4, 3, 3, 3]
// CHECK: linalg.conv_2d_nhwgc_gfhwc
// CHECK: tensor.collapse_shape {{.*}} into tensor<1x3x3x8xi32>
func.func @groups(%x: tensor<1x5x5x6xi8>, %w: tensor<8x3x3x3xi8>) -> tensor<1x3x3x8xi32> {
  %b = arith.constant dense<0> : tensor<8xi32>
  %y = "hwacc.conv2d"(%x, %w, %b) {padding = array<i64: 0, 0, 0, 0>, pad_value = 0 : i32, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>,
      input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<1x5x5x6xi8>, tensor<8x3x3x3xi8>, tensor<8xi32>) -> tensor<1x3x3x8xi32>
  return %y : tensor<1x3x3x8xi32>
}

// -----

// Sizes that are known only at run time are those of the operands; one scale is then one number.
// CHECK-LABEL: @sizes_at_run_time
// CHECK-DAG: %[[M:.*]] = tensor.dim %arg0, %{{.*}}
// CHECK-DAG: %[[N:.*]] = tensor.dim %arg1, %{{.*}}
// CHECK: %[[EMPTY:.*]] = tensor.empty(%[[M]], %[[N]]) : tensor<?x?xi32>
// CHECK: %[[START:.*]] = linalg.fill ins(%{{.*}} : i32) outs(%[[EMPTY]] : tensor<?x?xi32>)
// CHECK: linalg.matmul {{.*}} ins(%arg0, %arg1 : tensor<?x?xi8>, tensor<?x?xi8>) outs(%[[START]] : tensor<?x?xi32>)
// CHECK: tosa.apply_scale %in, %c1073741824_i32, %c33_i8
func.func @sizes_at_run_time(%x: tensor<?x?xi8>, %w: tensor<?x?xi8>) -> tensor<?x?xi8> {
  %b = arith.constant dense<0> : tensor<1xi32>
  %m = arith.constant dense<1073741824> : tensor<1xi32>
  %s = arith.constant dense<33> : tensor<1xi8>
  %0 = "hwacc.gemm"(%x, %w, %b, %m, %s) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
    clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1>} : (tensor<?x?xi8>, tensor<?x?xi8>, tensor<1xi32>, tensor<1xi32>, tensor<1xi8>) -> tensor<?x?xi8>
  return %0 : tensor<?x?xi8>
}

// -----

// On memrefs the same is computed on tensors, and put where the output is.
// CHECK-LABEL: @on_memrefs
// CHECK: %[[X:.*]] = bufferization.to_tensor %arg0 restrict
// CHECK: %[[SUM:.*]] = linalg.matmul {{.*}} ins(%[[X]], %[[X]] : tensor<4x4xi8>, tensor<4x4xi8>)
// CHECK: bufferization.materialize_in_destination %[[SUM]] in restrict writable %arg1
// CHECK-NOT: hwacc.gemm
memref.global "private" constant @b : memref<4xi32> = dense<[1, 2, 3, 4]>
func.func @on_memrefs(%x: memref<4x4xi8>, %y: memref<4x4xi32>) {
  %b = memref.get_global @b : memref<4xi32>
  "hwacc.gemm_into"(%x, %x, %b, %y) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>} : (memref<4x4xi8>, memref<4x4xi8>, memref<4xi32>, memref<4x4xi32>) -> ()
  return
}
