// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(separate-outputs)' | FileCheck %s

// A result that is returned twice is copied once, an input that is returned as it came is copied, also behind a view.
// CHECK-LABEL: @model
// CHECK-SAME: (%[[X:.*]]: tensor<2x3xi8>)
// CHECK: %[[Y:.*]] = arith.addi
// CHECK: %[[V:.*]] = tensor.collapse_shape %[[X]]
// CHECK: %[[COPY:.*]] = linalg.generic
// CHECK-SAME: ins(%[[Y]] : tensor<2x3xi8>)
// CHECK: %[[INPUT:.*]] = linalg.generic
// CHECK-SAME: ins(%[[V]] : tensor<6xi8>)
// CHECK: return %[[Y]], %[[COPY]], %[[INPUT]]
func.func @model(%x: tensor<2x3xi8>) -> (tensor<2x3xi8>, tensor<2x3xi8>, tensor<6xi8>) {
  %y = arith.addi %x, %x : tensor<2x3xi8>
  %v = tensor.collapse_shape %x [[0, 1]] : tensor<2x3xi8> into tensor<6xi8>
  return %y, %y, %v : tensor<2x3xi8>, tensor<2x3xi8>, tensor<6xi8>
}

// -----

// Different results are left alone.
// CHECK-LABEL: @model
// CHECK-NOT: linalg.generic
func.func @model(%x: tensor<2x3xi8>) -> (tensor<2x3xi8>, tensor<2x3xi8>) {
  %y = arith.addi %x, %x : tensor<2x3xi8>
  %z = arith.muli %x, %x : tensor<2x3xi8>
  return %y, %z : tensor<2x3xi8>, tensor<2x3xi8>
}
