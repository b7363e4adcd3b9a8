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

// -----

// A loop that gives nothing but writes memory is no task.
// CHECK: hwacc: error: scf.for gives nothing that a task could return; a model is made of operations on tensors (at loop)
func.func @main(%a: tensor<4xi8>) -> tensor<4xi8> {
  %m = memref.alloc() : memref<5xi8>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %x = tensor.extract %a[%i] : tensor<4xi8>
    memref.store %x, %m[%i] : memref<5xi8>
  } loc("loop")
  return %a : tensor<4xi8>
}
