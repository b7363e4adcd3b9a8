// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(copies-to-linalg)' | FileCheck %s

// A copy becomes a loop nest of upstream's, which needs no runtime library.
// CHECK-LABEL: @copy
// CHECK: linalg.copy {{.*}}ins(%arg0 : memref<2x8xi8, strided<[16, 1]>>) outs(%arg1 : memref<2x8xi8>)
// CHECK-NOT: memref.copy
func.func @copy(%a: memref<2x8xi8, strided<[16, 1]>>, %b: memref<2x8xi8>) {
  memref.copy %a, %b : memref<2x8xi8, strided<[16, 1]>> to memref<2x8xi8>
  return
}

// -----

// Reads and writes of single elements are no copies.
// CHECK-LABEL: @element
// CHECK-NEXT: %[[V:.*]] = memref.load %arg0[%arg1]
// CHECK-NEXT: memref.store %[[V]], %arg0[%arg2]
// CHECK-NEXT: return
func.func @element(%a: memref<8xi8>, %i: index, %j: index) {
  %v = memref.load %a[%i] : memref<8xi8>
  memref.store %v, %a[%j] : memref<8xi8>
  return
}
