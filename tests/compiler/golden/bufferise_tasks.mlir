// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(bufferise-tasks,verify-hwacc)' | FileCheck %s

// A product writes into memory that main gives it; equal constants are one global; what main returns is its last argument.
// CHECK: memref.global "private" constant @[[B:.*]] : memref<3xi32> = dense<[1, 2, 3]>
// CHECK: memref.global "private" constant @[[W:.*]] : memref<3x3xi8>
// CHECK-NOT: memref.global
// CHECK: func.func private @first(%[[X:.*]]: memref<4x3xi8>, %[[V:.*]]: memref<3x3xi8>, %[[Y:.*]]: memref<4x3xi32> {hwacc.output}) attributes {hwacc.backend = "hwacc"}
// CHECK-NEXT: %[[BIAS:.*]] = memref.get_global @[[B]]
// CHECK-NEXT: "hwacc.gemm_into"(%[[X]], %[[V]], %[[BIAS]], %[[Y]]) {{.*}}hwacc.panels = {rows = array<i64: 0, 4>}, input_km = false
// CHECK-SAME: operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>
// CHECK-NEXT: return
// CHECK: func.func @main(%[[IN:.*]]: memref<4x3xi8>, %[[OUT:.*]]: memref<4x3xi32> {hwacc.output})
// CHECK-NEXT: %[[MW:.*]] = memref.get_global @[[W]]
// CHECK-NEXT: %[[T:.*]] = memref.alloc() : memref<4x3xi32>
// CHECK-NEXT: call @first(%[[IN]], %[[MW]], %[[T]])
// CHECK-NEXT: %[[N:.*]] = memref.alloc() : memref<4x3xi8>
// CHECK-NEXT: call @narrow(%[[T]], %[[N]])
// CHECK-NEXT: call @first(%[[N]], %[[MW]], %[[OUT]])
// CHECK-NEXT: return
func.func private @first(%x: tensor<4x3xi8>, %w: tensor<3x3xi8>) -> tensor<4x3xi32> attributes {hwacc.backend = "hwacc"} {
  %b = arith.constant dense<[1, 2, 3]> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32, hwacc.panels = {rows = array<i64: 0, 4>},
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x3xi8>, tensor<3x3xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  return %y : tensor<4x3xi32>
}
func.func private @narrow(%x: tensor<4x3xi32>) -> tensor<4x3xi8> {
  %0 = arith.trunci %x : tensor<4x3xi32> to tensor<4x3xi8>
  return %0 : tensor<4x3xi8>
}
func.func @main(%x: tensor<4x3xi8>) -> tensor<4x3xi32> {
  %w = arith.constant dense<[[1, 2, 3], [4, 5, 6], [7, 8, 9]]> : tensor<3x3xi8>
  %y = call @first(%x, %w) : (tensor<4x3xi8>, tensor<3x3xi8>) -> tensor<4x3xi32>
  %n = call @narrow(%y) : (tensor<4x3xi32>) -> tensor<4x3xi8>
  %z = call @first(%n, %w) : (tensor<4x3xi8>, tensor<3x3xi8>) -> tensor<4x3xi32>
  return %z : tensor<4x3xi32>
}

// -----

// A task for the CPU gets its signature only: its inside stays on tensors, where upstream's bufferization begins.
// CHECK: func.func private @sum(%[[A:.*]]: memref<4xi8>, %[[S:.*]]: memref<4xi8> {hwacc.output}, %[[D:.*]]: memref<4xi8> {hwacc.output})
// CHECK-NEXT: %[[T:.*]] = bufferization.to_tensor %[[A]] restrict
// CHECK-NEXT: %[[R:.*]] = arith.addi %[[T]], %[[T]] : tensor<4xi8>
// CHECK: bufferization.materialize_in_destination %[[R]] in restrict writable %[[S]]
// CHECK: bufferization.materialize_in_destination %{{.*}} in restrict writable %[[D]]
// CHECK: func.func @main(%[[X:.*]]: memref<4xi8>, %[[O1:.*]]: memref<4xi8> {hwacc.output}, %[[O2:.*]]: memref<4xi8> {hwacc.output})
// CHECK-NEXT: call @sum(%[[X]], %[[O2]], %[[O1]])
// CHECK-NEXT: return
func.func private @sum(%a: tensor<4xi8>) -> (tensor<4xi8>, tensor<4xi8>) {
  %0 = arith.addi %a, %a : tensor<4xi8>
  %1 = arith.subi %a, %0 : tensor<4xi8>
  return %0, %1 : tensor<4xi8>, tensor<4xi8>
}
func.func @main(%a: tensor<4xi8>) -> (tensor<4xi8>, tensor<4xi8>) {
  %0:2 = call @sum(%a) : (tensor<4xi8>) -> (tensor<4xi8>, tensor<4xi8>)
  return %0#1, %0#0 : tensor<4xi8>, tensor<4xi8>
}

// -----

// A view is another shape of the same memory, of a result that is returned as well: the task writes into main's argument.
// CHECK: func.func @main(%[[X:.*]]: memref<2x2xi8>, %[[OUT:.*]]: memref<1x4xi8> {hwacc.output})
// CHECK: %[[FLAT:.*]] = memref.collapse_shape %[[OUT]] {{\[\[}}0, 1]] : memref<1x4xi8> into memref<4xi8>
// CHECK: %[[SQUARE:.*]] = memref.expand_shape %[[FLAT]] {{\[\[}}0, 1]] output_shape [2, 2] : memref<4xi8> into memref<2x2xi8>
// CHECK: call @double(%[[X]], %[[SQUARE]]) : (memref<2x2xi8>, memref<2x2xi8>) -> ()
// CHECK: %[[T:.*]] = memref.alloc() : memref<2x2xi8>
// CHECK: call @double(%[[SQUARE]], %[[T]])
// CHECK-NEXT: return
func.func private @double(%a: tensor<2x2xi8>) -> tensor<2x2xi8> {
  %0 = arith.addi %a, %a : tensor<2x2xi8>
  return %0 : tensor<2x2xi8>
}
func.func @main(%a: tensor<2x2xi8>) -> tensor<1x4xi8> {
  %0 = call @double(%a) : (tensor<2x2xi8>) -> tensor<2x2xi8>
  %1 = tensor.collapse_shape %0 [[0, 1]] : tensor<2x2xi8> into tensor<4xi8>
  %2 = tensor.expand_shape %1 [[0, 1]] output_shape [1, 4] : tensor<4xi8> into tensor<1x4xi8>
  %3 = call @double(%0) : (tensor<2x2xi8>) -> tensor<2x2xi8>
  return %2 : tensor<1x4xi8>
}

// -----

// Filled and empty tensors that a task takes are constants in memory.
// CHECK-DAG: memref.global "private" constant @[[FULL:.*]] : memref<4xi8> = dense<7>
// CHECK-DAG: memref.global "private" constant @[[EMPTY:.*]] : memref<4xi8> = dense<0>
// CHECK: func.func @main
// CHECK: %[[F:.*]] = memref.get_global @[[FULL]]
// CHECK: call @sum(%[[F]], %{{.*}}, %{{.*}})
func.func private @sum(%a: tensor<4xi8>, %b: tensor<4xi8>) -> tensor<4xi8> {
  %0 = arith.addi %a, %b : tensor<4xi8>
  return %0 : tensor<4xi8>
}
func.func @main() -> tensor<4xi8> {
  %c = arith.constant 7 : i8
  %e = tensor.empty() : tensor<4xi8>
  %f = linalg.fill ins(%c : i8) outs(%e : tensor<4xi8>) -> tensor<4xi8>
  %0 = call @sum(%f, %e) : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return %0 : tensor<4xi8>
}

// -----

// Where a size is known only at run time, all stays on tensors.
// CHECK: func.func private @double(%{{.*}}: tensor<?xi8>) -> tensor<?xi8>
// CHECK: func.func @main(%{{.*}}: tensor<?xi8>) -> tensor<?xi8>
// CHECK-NEXT: %[[R:.*]] = call @double(%{{.*}}) : (tensor<?xi8>) -> tensor<?xi8>
// CHECK-NEXT: return %[[R]] : tensor<?xi8>
func.func private @double(%a: tensor<?xi8>) -> tensor<?xi8> {
  %0 = arith.addi %a, %a : tensor<?xi8>
  return %0 : tensor<?xi8>
}
func.func @main(%a: tensor<?xi8>) -> tensor<?xi8> {
  %0 = call @double(%a) : (tensor<?xi8>) -> tensor<?xi8>
  return %0 : tensor<?xi8>
}

// -----

// What is on memrefs already stays as it is.
// CHECK: func.func @main(%[[X:.*]]: memref<4xi8>, %[[Y:.*]]: memref<4xi8> {hwacc.output}) {
// CHECK-NEXT: call @copy(%[[X]], %[[Y]])
// CHECK-NEXT: return
func.func private @copy(%a: memref<4xi8>, %b: memref<4xi8> {hwacc.output}) {
  memref.copy %a, %b : memref<4xi8> to memref<4xi8>
  return
}
func.func @main(%a: memref<4xi8>, %b: memref<4xi8> {hwacc.output}) {
  call @copy(%a, %b) : (memref<4xi8>, memref<4xi8>) -> ()
  return
}

// -----

// A function that main does not call is no task, and stays as it is.
// CHECK: func.func private @helper(%{{.*}}: tensor<4xi8>) -> tensor<4xi8>
// CHECK: func.func private @task(%{{.*}}: memref<4xi8>, %{{.*}}: memref<4xi8> {hwacc.output})
// CHECK-NEXT: %[[T:.*]] = bufferization.to_tensor
// CHECK-NEXT: call @helper(%[[T]]) : (tensor<4xi8>) -> tensor<4xi8>
func.func private @helper(%a: tensor<4xi8>) -> tensor<4xi8> {
  %0 = arith.addi %a, %a : tensor<4xi8>
  return %0 : tensor<4xi8>
}
func.func private @task(%a: tensor<4xi8>) -> tensor<4xi8> {
  %0 = call @helper(%a) : (tensor<4xi8>) -> tensor<4xi8>
  return %0 : tensor<4xi8>
}
func.func @main(%a: tensor<4xi8>) -> tensor<4xi8> {
  %0 = call @task(%a) : (tensor<4xi8>) -> tensor<4xi8>
  return %0 : tensor<4xi8>
}
