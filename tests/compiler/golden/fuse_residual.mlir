// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(fuse-residual,canonicalize)' | FileCheck %s

// A tensor that is added element by element is what the sums begin with; the product moves behind what computes it.
// CHECK-LABEL: @computed_later
// CHECK: %[[R:.*]] = linalg.add ins(%arg2, %arg2
// CHECK: %[[Y:.*]] = "hwacc.gemm"(%arg0, %arg1, %[[R]])
// CHECK-NEXT: return %[[Y]]
#all = affine_map<(d0, d1) -> (d0, d1)>
func.func @computed_later(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>, %r: tensor<4x3xi32>) -> tensor<4x3xi32> {
  %b = arith.constant dense<0> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %e = tensor.empty() : tensor<4x3xi32>
  %d = linalg.add ins(%r, %r : tensor<4x3xi32>, tensor<4x3xi32>) outs(%e : tensor<4x3xi32>) -> tensor<4x3xi32>
  %z = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%y, %d : tensor<4x3xi32>, tensor<4x3xi32>) outs(%e : tensor<4x3xi32>) {
  ^bb0(%one: i32, %other: i32, %out: i32):
    %0 = arith.addi %one, %other : i32
    linalg.yield %0 : i32
  } -> tensor<4x3xi32>
  return %z : tensor<4x3xi32>
}

// -----

// Behind a view the tensor is viewed as the product's result.
// CHECK-LABEL: @behind_a_view
// CHECK: %[[R:.*]] = tensor.collapse_shape %arg2 {{\[\[}}0, 1], [2]] : tensor<2x2x3xi32> into tensor<4x3xi32>
// CHECK: %[[Y:.*]] = "hwacc.gemm"(%arg0, %arg1, %[[R]])
// CHECK: %[[Z:.*]] = tensor.expand_shape %[[Y]]
// CHECK-NEXT: return %[[Z]]
#all = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
func.func @behind_a_view(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>, %r: tensor<2x2x3xi32>) -> tensor<2x2x3xi32> {
  %b = arith.constant dense<0> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %v = tensor.expand_shape %y [[0, 1], [2]] output_shape [2, 2, 3] : tensor<4x3xi32> into tensor<2x2x3xi32>
  %e = tensor.empty() : tensor<2x2x3xi32>
  %z = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%r, %v : tensor<2x2x3xi32>, tensor<2x2x3xi32>) outs(%e : tensor<2x2x3xi32>) {
  ^bb0(%one: i32, %other: i32, %out: i32):
    %0 = arith.addi %one, %other : i32
    linalg.yield %0 : i32
  } -> tensor<2x2x3xi32>
  return %z : tensor<2x2x3xi32>
}

// -----

// The array adds a bias or a residual: with a bias the addition stays.
// CHECK-LABEL: @beside_a_bias
// CHECK: "hwacc.gemm"(%arg0, %arg1, %{{.*}}) {{.*}} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
// CHECK: arith.addi
#all = affine_map<(d0, d1) -> (d0, d1)>
func.func @beside_a_bias(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>, %r: tensor<4x3xi32>) -> tensor<4x3xi32> {
  %b = arith.constant dense<[7, 8, 9]> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %e = tensor.empty() : tensor<4x3xi32>
  %z = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%y, %r : tensor<4x3xi32>, tensor<4x3xi32>) outs(%e : tensor<4x3xi32>) {
  ^bb0(%one: i32, %other: i32, %out: i32):
    %0 = arith.addi %one, %other : i32
    linalg.yield %0 : i32
  } -> tensor<4x3xi32>
  return %z : tensor<4x3xi32>
}

// -----

// One row of the tensor, added to all: that is no residual, and no constant.
// CHECK-LABEL: @one_row_for_all
// CHECK: "hwacc.gemm"(%arg0, %arg1, %{{.*}}) {{.*}} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
// CHECK: arith.addi
#all = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d1)>
func.func @one_row_for_all(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>, %r: tensor<3xi32>) -> tensor<4x3xi32> {
  %b = arith.constant dense<0> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %e = tensor.empty() : tensor<4x3xi32>
  %z = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}
      ins(%y, %r : tensor<4x3xi32>, tensor<3xi32>) outs(%e : tensor<4x3xi32>) {
  ^bb0(%one: i32, %other: i32, %out: i32):
    %0 = arith.addi %one, %other : i32
    linalg.yield %0 : i32
  } -> tensor<4x3xi32>
  return %z : tensor<4x3xi32>
}

// -----

// An addition may have its own name.
// CHECK-LABEL: @named
// CHECK: %[[Y:.*]] = "hwacc.gemm"(%arg0, %arg1, %arg2)
// CHECK-NEXT: return %[[Y]]
func.func @named(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>, %r: tensor<4x3xi32>) -> tensor<4x3xi32> {
  %b = arith.constant dense<0> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %e = tensor.empty() : tensor<4x3xi32>
  %z = linalg.add ins(%r, %y : tensor<4x3xi32>, tensor<4x3xi32>) outs(%e : tensor<4x3xi32>) -> tensor<4x3xi32>
  return %z : tensor<4x3xi32>
}

// -----

// So may it in the form that has all names.
// CHECK-LABEL: @elementwise
// CHECK: %[[Y:.*]] = "hwacc.gemm"(%arg0, %arg1, %arg2)
// CHECK-NEXT: return %[[Y]]
func.func @elementwise(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>, %r: tensor<4x3xi32>) -> tensor<4x3xi32> {
  %b = arith.constant dense<0> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %e = tensor.empty() : tensor<4x3xi32>
  %z = linalg.elementwise kind=#linalg.elementwise_kind<add> ins(%y, %r : tensor<4x3xi32>, tensor<4x3xi32>) outs(%e : tensor<4x3xi32>) -> tensor<4x3xi32>
  return %z : tensor<4x3xi32>
}

// -----

// And it may be a map.
// CHECK-LABEL: @mapped
// CHECK: %[[Y:.*]] = "hwacc.gemm"(%arg0, %arg1, %arg2)
// CHECK-NEXT: return %[[Y]]
func.func @mapped(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>, %r: tensor<4x3xi32>) -> tensor<4x3xi32> {
  %b = arith.constant dense<0> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %e = tensor.empty() : tensor<4x3xi32>
  %z = linalg.map { arith.addi } ins(%y, %r : tensor<4x3xi32>, tensor<4x3xi32>) outs(%e : tensor<4x3xi32>)
  return %z : tensor<4x3xi32>
}
