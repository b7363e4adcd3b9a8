// RUN: not hwacc opt %s --split-input-file --pass-pipeline='builtin.module(form-tasks)' 2>&1 | FileCheck %s

// Two functions are no model.
// CHECK: hwacc: error: a model must be one function, not 2
func.func @a() { return }
func.func @b() { return }

// -----

// A function with branches is refused.
// CHECK: hwacc: error: function branches has 3 blocks; it must be one block of operations on tensors (at model)
func.func @branches(%c: i1, %a: tensor<4xi8>) -> tensor<4xi8> {
  cf.cond_br %c, ^left, ^right
^left:
  return %a : tensor<4xi8>
^right:
  return %a : tensor<4xi8>
} loc("model")
