// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(destination-style)' | FileCheck %s

// Arguments and results become buffers of the caller.
// CHECK-LABEL: func.func @add
// CHECK-SAME: (%[[A:.*]]: memref<4xi8>, %[[OUT:.*]]: memref<4xi8>) {
// CHECK: %[[T:.*]] = bufferization.to_tensor %[[A]] restrict : memref<4xi8> to tensor<4xi8>
// CHECK: %[[S:.*]] = arith.addi %[[T]], %[[T]] : tensor<4xi8>
// CHECK: bufferization.materialize_in_destination %[[S]] in restrict writable %[[OUT]]
// CHECK-NEXT: return
func.func @add(%a: tensor<4xi8>) -> tensor<4xi8> {
  %0 = arith.addi %a, %a : tensor<4xi8>
  return %0 : tensor<4xi8>
}

// -----

// A function that has that style already stays as it is.
// CHECK-LABEL: func.func @has_it
// CHECK-NEXT: memref.copy
// CHECK-NEXT: return
func.func @has_it(%a: memref<4xi8>, %out: memref<4xi8>) {
  memref.copy %a, %out : memref<4xi8> to memref<4xi8>
  return
}
