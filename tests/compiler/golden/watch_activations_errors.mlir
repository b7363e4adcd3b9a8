// RUN: not hwacc opt %s --split-input-file --pass-pipeline='builtin.module(watch-activations)' 2>&1 | FileCheck %s

// What is watched is one function.
// CHECK: hwacc: error: a model must be one function, not 2
func.func @first(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}
func.func @second(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}
