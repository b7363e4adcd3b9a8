// RUN: not hwacc opt %s --split-input-file --pass-pipeline='builtin.module(bufferise-tasks)' 2>&1 | FileCheck %s

// A module without main is not what form-tasks makes.
// CHECK: hwacc: error: there is no function main that calls tasks; form-tasks makes it
func.func @model(%a: tensor<4xi8>) -> tensor<4xi8> {
  return %a : tensor<4xi8>
}

// -----

// What is computed in main itself is no task.
// CHECK: hwacc: error: arith.addi is no part of a function main that calls tasks; form-tasks makes it (at sum)
func.func private @double(%a: tensor<4xi8>) -> tensor<4xi8> {
  %0 = arith.addi %a, %a : tensor<4xi8>
  return %0 : tensor<4xi8>
}
func.func @main(%a: tensor<4xi8>) -> tensor<4xi8> {
  %0 = arith.addi %a, %a : tensor<4xi8> loc("sum")
  %1 = call @double(%0) : (tensor<4xi8>) -> tensor<4xi8>
  return %1 : tensor<4xi8>
}

// -----

// A model that returns its input has no task that could write the output.
// CHECK: hwacc: error: function main returns what no task of its own computes; separate-outputs makes it one's result (at model)
func.func @main(%a: tensor<4xi8>) -> tensor<4xi8> {
  return %a : tensor<4xi8>
} loc("model")

// -----

// An array operation shares its function with nothing.
// CHECK: hwacc: error: hwacc.gemm: it shares the function dense with other operations (at fc)
func.func private @dense(%x: tensor<4x3xi8>, %w: tensor<3x3xi8>) -> tensor<4x3xi32> {
  %b = arith.constant dense<[1, 2, 3]> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x3xi8>, tensor<3x3xi8>, tensor<3xi32>) -> tensor<4x3xi32> loc("fc")
  %z = arith.addi %y, %y : tensor<4x3xi32>
  return %z : tensor<4x3xi32>
}
func.func @main(%x: tensor<4x3xi8>, %w: tensor<3x3xi8>) -> tensor<4x3xi32> {
  %0 = call @dense(%x, %w) : (tensor<4x3xi8>, tensor<3x3xi8>) -> tensor<4x3xi32>
  return %0 : tensor<4x3xi32>
}

// -----

// A number is no tensor that memory could be given for.
// CHECK: hwacc: error: arith.constant gives a task i32, which no buffer can hold (at number)
func.func @main(%a: tensor<4xi8>) -> tensor<4xi8> {
  %c = arith.constant 5 : i32 loc("number")
  %0 = call @task(%a, %c) : (tensor<4xi8>, i32) -> tensor<4xi8>
  return %0 : tensor<4xi8>
}
func.func private @task(%a: tensor<4xi8>, %b: i32) -> tensor<4xi8> {
  return %a : tensor<4xi8>
}

// -----

// Neither is a number that a task gives.
// CHECK: hwacc: error: func.call gives i32; tasks take and give tensors (at count)
func.func @main(%a: tensor<4xi8>) -> tensor<4xi8> {
  %0:2 = call @task(%a) : (tensor<4xi8>) -> (tensor<4xi8>, i32) loc("count")
  return %0#0 : tensor<4xi8>
}
func.func private @task(%a: tensor<4xi8>) -> (tensor<4xi8>, i32) {
  %c = arith.constant 5 : i32
  return %a, %c : tensor<4xi8>, i32
}

// -----

// A number that is read from a tensor is computed in main, too: what is filled with it is no constant.
// CHECK: hwacc: error: tensor.extract is no part of a function main that calls tasks; form-tasks makes it (at first)
func.func private @task(%a: tensor<4xi8>) -> tensor<4xi8> {
  return %a : tensor<4xi8>
}
func.func @main(%a: tensor<i8>) -> tensor<4xi8> {
  %e = tensor.empty() : tensor<4xi8>
  %c = tensor.extract %a[] : tensor<i8> loc("first")
  %f = linalg.fill ins(%c : i8) outs(%e : tensor<4xi8>) -> tensor<4xi8>
  %0 = call @task(%f) : (tensor<4xi8>) -> tensor<4xi8>
  return %0 : tensor<4xi8>
}

// -----

// A main of several blocks is refused, with its location.
// CHECK: hwacc: error: function main has 2 blocks; it must be one block of operations on tensors (at model)
func.func @main(%a: tensor<4xi8>) -> tensor<4xi8> {
  cf.br ^next
^next:
  return %a : tensor<4xi8>
} loc("model")

// -----

// So is a task that is only declared.
// CHECK: hwacc: error: function task has no body (at task)
func.func private @task(tensor<4xi8>) -> tensor<4xi8> loc("task")
func.func @main(%a: tensor<4xi8>) -> tensor<4xi8> {
  %0 = call @task(%a) : (tensor<4xi8>) -> tensor<4xi8>
  return %0 : tensor<4xi8>
}

// -----

// Tensors of unknown rank, and what is no tensor, are refused at main's ends.
// CHECK: hwacc: error: function main takes tensor<*xi8>; it must take and return tensors of known rank (at model)
func.func @main(%a: tensor<*xi8>, %b: tensor<4xi8>, %c: i32) -> tensor<4xi8> {
  return %b : tensor<4xi8>
} loc("model")
