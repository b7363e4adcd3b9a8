// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(bytes-for-booleans)' | FileCheck %s

// Booleans are loaded and stored as bytes, and the function takes bytes.
// CHECK-LABEL: func.func @copy(%arg0: memref<4xi8>, %arg1: memref<4xi8>)
// CHECK: %[[BYTE:.*]] = memref.load %arg0[%{{.*}}] : memref<4xi8>
// CHECK: %[[FLAG:.*]] = arith.trunci %[[BYTE]] : i8 to i1
// CHECK: %[[NOT:.*]] = arith.xori %[[FLAG]]
// CHECK: %[[WIDE:.*]] = arith.extui %[[NOT]] : i1 to i8
// CHECK: memref.store %[[WIDE]], %arg1[%{{.*}}] : memref<4xi8>
func.func @copy(%a: memref<4xi1>, %b: memref<4xi1>) {
  %c0 = arith.constant 0 : index
  %true = arith.constant true
  %0 = memref.load %a[%c0] : memref<4xi1>
  %1 = arith.xori %0, %true : i1
  memref.store %1, %b[%c0] : memref<4xi1>
  return
}

// -----

// A view keeps its layout, and a global its content.
// CHECK: memref.global "private" constant @flags : memref<4xi8> = dense<[1, 0, 0, 1]>
// CHECK-LABEL: func.func @views
// CHECK: memref.get_global @flags : memref<4xi8>
// CHECK: memref.subview {{.*}} : memref<4xi8> to memref<2xi8, strided<[2]>>
memref.global "private" constant @flags : memref<4xi1> = dense<[true, false, false, true]>
func.func @views() -> i1 {
  %c1 = arith.constant 1 : index
  %0 = memref.get_global @flags : memref<4xi1>
  %1 = memref.subview %0[0] [2] [2] : memref<4xi1> to memref<2xi1, strided<[2]>>
  %2 = memref.load %1[%c1] : memref<2xi1, strided<[2]>>
  return %2 : i1
}
