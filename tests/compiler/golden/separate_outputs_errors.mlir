// RUN: not hwacc opt %s --split-input-file --pass-pipeline='builtin.module(separate-outputs)' 2>&1 | FileCheck %s

// A result of unknown rank has no buffer: it is refused.
// CHECK: hwacc: error: function unranked takes tensor<*xi8>; it must take and return tensors of known rank (at model)
func.func @unranked(%a: tensor<*xi8>) -> tensor<*xi8> {
  return %a : tensor<*xi8>
} loc("model")
