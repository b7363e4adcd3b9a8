// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(fold-constants,canonicalize)' | FileCheck %s

// A transposed constant is a constant, whichever way the transposition is written.
// CHECK-LABEL: @transposed
// CHECK: arith.constant dense<{{\[\[}}1, 4], [2, 5], [3, 6]]> : tensor<3x2xi32>
// CHECK-NOT: linalg
func.func @transposed() -> (tensor<3x2xi32>, tensor<3x2xi32>) {
  %w = arith.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %e = tensor.empty() : tensor<3x2xi32>
  %0 = linalg.transpose ins(%w : tensor<2x3xi32>) outs(%e : tensor<3x2xi32>) permutation = [1, 0]
  %1 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<2x3xi32>) outs(%e : tensor<3x2xi32>) {
  ^bb0(%in: i32, %out: i32):
    linalg.yield %in : i32
  } -> tensor<3x2xi32>
  return %0, %1 : tensor<3x2xi32>, tensor<3x2xi32>
}

// -----

// Three dimensions go where the permutation says, not the other way round.
// CHECK-LABEL: @rotated
// CHECK: arith.constant dense<{{\[\[\[}}1], [2]], {{\[\[}}3], [4]], {{\[\[}}5], [6]]]> : tensor<3x2x1xi32>
func.func @rotated() -> tensor<3x2x1xi32> {
  %w = arith.constant dense<[[[1], [3], [5]], [[2], [4], [6]]]> : tensor<2x3x1xi32>
  %e = tensor.empty() : tensor<3x2x1xi32>
  %0 = linalg.transpose ins(%w : tensor<2x3x1xi32>) outs(%e : tensor<3x2x1xi32>) permutation = [1, 0, 2]
  return %0 : tensor<3x2x1xi32>
}

// -----

// A part of a constant is a constant, with strides and with a dimension that goes.
// CHECK-LABEL: @sliced
// CHECK: arith.constant dense<[4, 6]> : tensor<2xi32>
// CHECK-NOT: tensor.extract_slice
func.func @sliced() -> tensor<2xi32> {
  %w = arith.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %0 = tensor.extract_slice %w[1, 0] [1, 2] [1, 2] : tensor<2x3xi32> to tensor<2xi32>
  return %0 : tensor<2xi32>
}

// -----

// A constant that is turned round, as front ends do with the kernels of transposed convolutions.
// CHECK-LABEL: @reversed
// CHECK: arith.constant dense<{{\[\[}}3, 6], [2, 5], [1, 4]]> : tensor<3x2xi8>
// CHECK-NOT: linalg
func.func @reversed() -> tensor<3x2xi8> {
  %w = arith.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi8>
  %c2 = arith.constant 2 : index
  %e = tensor.empty() : tensor<3x2xi8>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%e : tensor<3x2xi8>) {
  ^bb0(%out: i8):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %r = arith.subi %c2, %i : index
    %x = tensor.extract %w[%j, %r] : tensor<2x3xi8>
    linalg.yield %x : i8
  } -> tensor<3x2xi8>
  return %0 : tensor<3x2xi8>
}

// -----

// What lies around a constant is part of it, also if the amounts are values.
// CHECK-LABEL: @padded
// CHECK: arith.constant dense<{{\[\[}}7, 7, 7], [7, 1, 2]]> : tensor<2x3xi8>
// CHECK-NOT: tensor.pad
func.func @padded() -> tensor<2x3xi8> {
  %w = arith.constant dense<[[1, 2]]> : tensor<1x2xi8>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c7 = arith.constant 7 : i8
  %0 = tensor.pad %w low[1, %c1] high[%c0, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %c7 : i8
  } : tensor<1x2xi8> to tensor<2x3xi8>
  return %0 : tensor<2x3xi8>
}

// -----

// Indices outside, and numbers made of indices, are left alone.
// CHECK-LABEL: @not_gathered
// CHECK-COUNT-2: linalg.generic
func.func @not_gathered() -> (tensor<3xi8>, tensor<3xi64>) {
  %w = arith.constant dense<[1, 2]> : tensor<2xi8>
  %e = tensor.empty() : tensor<3xi8>
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%e : tensor<3xi8>) {
  ^bb0(%out: i8):
    %i = linalg.index 0 : index
    %x = tensor.extract %w[%i] : tensor<2xi8>
    linalg.yield %x : i8
  } -> tensor<3xi8>
  %f = tensor.empty() : tensor<3xi64>
  %1 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%f : tensor<3xi64>) {
  ^bb0(%out: i64):
    %i = linalg.index 0 : index
    %x = arith.index_cast %i : index to i64
    linalg.yield %x : i64
  } -> tensor<3xi64>
  return %0, %1 : tensor<3xi8>, tensor<3xi64>
}

// -----

// Arithmetic on a constant, and a transposition of an input, stay.
// CHECK-LABEL: @stays
// CHECK: linalg.generic
// CHECK: linalg.transpose
func.func @stays(%x: tensor<2x3xi32>) -> (tensor<2x3xi32>, tensor<3x2xi32>) {
  %w = arith.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %e = tensor.empty() : tensor<2x3xi32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<2x3xi32>) outs(%e : tensor<2x3xi32>) {
  ^bb0(%in: i32, %out: i32):
    %1 = arith.addi %in, %in : i32
    linalg.yield %1 : i32
  } -> tensor<2x3xi32>
  %f = tensor.empty() : tensor<3x2xi32>
  %2 = linalg.transpose ins(%x : tensor<2x3xi32>) outs(%f : tensor<3x2xi32>) permutation = [1, 0]
  return %0, %2 : tensor<2x3xi32>, tensor<3x2xi32>
}

// -----

// What would take more room than the constant that it is made of is left to run time.
// CHECK-LABEL: @repeated
// CHECK: linalg.generic
func.func @repeated() -> tensor<3x2xi8> {
  %w = arith.constant dense<[1, 2]> : tensor<2xi8>
  %e = tensor.empty() : tensor<3x2xi8>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%e : tensor<3x2xi8>) {
  ^bb0(%out: i8):
    %j = linalg.index 1 : index
    %x = tensor.extract %w[%j] : tensor<2xi8>
    linalg.yield %x : i8
  } -> tensor<3x2xi8>
  return %0 : tensor<3x2xi8>
}
