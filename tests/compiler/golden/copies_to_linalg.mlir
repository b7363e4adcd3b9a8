// PASSES: copies-to-linalg

// A copy becomes a loop nest of upstream's, which needs no runtime library.
// CHECK-LABEL: @copy
// CHECK: linalg.copy {{.*}}ins(%arg0 : memref<2x8xi8, strided<[16, 1]>>) outs(%arg1 : memref<2x8xi8>)
// CHECK-NOT: memref.copy
func.func @copy(%a: memref<2x8xi8, strided<[16, 1]>>, %b: memref<2x8xi8>) {
  memref.copy %a, %b : memref<2x8xi8, strided<[16, 1]>> to memref<2x8xi8>
  return
}
