// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(crop-padding,canonicalize)' | FileCheck %s

// What is taken away is cut off, at either end; what is put there stays.
// CHECK-LABEL: @cropped
// CHECK: %[[S:.*]] = tensor.extract_slice %arg0[0, 1] [4, 5] [1, 1] : tensor<4x9xi8> to tensor<4x5xi8>
// CHECK: tensor.pad %[[S]] low[0, 0] high[2, 0]
// CHECK: tensor<4x5xi8> to tensor<6x5xi8>
func.func @cropped(%x: tensor<4x9xi8>) -> tensor<6x5xi8> {
  %c = arith.constant 7 : i8
  %y = tensor.pad %x low[0, -1] high[2, -3] {
  ^bb0(%i: index, %j: index):
    tensor.yield %c : i8
  } : tensor<4x9xi8> to tensor<6x5xi8>
  return %y : tensor<6x5xi8>
}

// -----

// Padding that takes nothing away stays as it is.
// CHECK-LABEL: @stays
// CHECK-NOT: tensor.extract_slice
// CHECK: tensor.pad %arg0 low[0, 1] high[2, 0]
func.func @stays(%x: tensor<4x9xi8>) -> tensor<6x10xi8> {
  %c = arith.constant 7 : i8
  %y = tensor.pad %x low[0, 1] high[2, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %c : i8
  } : tensor<4x9xi8> to tensor<6x10xi8>
  return %y : tensor<6x10xi8>
}
