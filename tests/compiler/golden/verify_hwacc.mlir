// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(verify-hwacc)' | FileCheck %s

// A sound product passes unchanged.
// CHECK-LABEL: @sound
// CHECK: "hwacc.gemm"
func.func @sound(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>) -> tensor<4x3xi32> {
  %b = arith.constant dense<[1, 2, 3]> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  return %y : tensor<4x3xi32>
}

// -----

// The form on memrefs passes, also where output and input are different parts of one piece of memory.
// CHECK-LABEL: @on_memrefs
// CHECK: "hwacc.gemm_into"
memref.global "private" constant @b : memref<3xi32> = dense<[1, 2, 3]>
func.func @on_memrefs(%arena: memref<128xi8>, %w: memref<3x2xi8>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %x = memref.view %arena[%c0][] : memref<128xi8> to memref<4x2xi8>
  %y = memref.view %arena[%c8][] : memref<128xi8> to memref<4x3xi32>
  %b = memref.get_global @b : memref<3xi32>
  "hwacc.gemm_into"(%x, %w, %b, %y) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>} : (memref<4x2xi8>, memref<3x2xi8>, memref<3xi32>, memref<4x3xi32>) -> ()
  return
}
