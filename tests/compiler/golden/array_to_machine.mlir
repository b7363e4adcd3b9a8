// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(array-to-machine,verify-hwacc)' | FileCheck %s

// One panel: both operands are loaded, multiplied, stored, and a token goes from each to the next.
// CHECK: module @machine
// CHECK-NEXT: func.func @dense(%[[X:.*]]: memref<24xi8> {hwacc.slot = "input"}, %[[W:.*]]: memref<32xi8> {hwacc.slot = "weights"}, %[[Y:.*]]: memref<48xi8> {hwacc.slot = "output"})
// CHECK-NEXT: "hwacc.load"(%[[X]]) {{.*}}run = 24 : i64{{.*}}target = 0 : i64
// CHECK-NEXT: "hwacc.load"(%[[W]]) {{.*}}run = 32 : i64, signal_compute = 1 : i64{{.*}}target = 1 : i64
// CHECK-NEXT: "hwacc.compute"() {{.*}}k = 8 : i64{{.*}}m = 3 : i64, n = 4 : i64{{.*}}signal_store = 1 : i64{{.*}}wait_load = 1 : i64
// CHECK-NEXT: "hwacc.store"(%[[Y]]) {{.*}}count1 = 3 : i64{{.*}}n = 4 : i64{{.*}}wait_compute = 1 : i64
// CHECK-NEXT: return
module {
  func.func private @dense(%x: tensor<3x8xi8>, %w: tensor<8x4xi8>) -> tensor<3x4xi32> attributes {hwacc.backend = "hwacc"} {
    %bias = arith.constant dense<0> : tensor<4xi32>
    %y = "hwacc.gemm"(%x, %w, %bias) {input_km = false, weights_kn = true, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
        hwacc.panels = {columns = array<i64: 0, 4>, dataflow = "output-stationary", rows = array<i64: 0, 3>, rows_inner = true, steps = array<i64: 0, 8>},
        clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<3x8xi8>, tensor<8x4xi8>, tensor<4xi32>) -> tensor<3x4xi32>
    return %y : tensor<3x4xi32>
  }
}

// -----

// Two panels of rows: the weights are loaded once, and each panel has its load, compute and store.
// CHECK: module @machine
// CHECK-COUNT-3: "hwacc.load"
// CHECK-NOT: "hwacc.load"
module {
  func.func private @dense(%x: tensor<6x8xi8>, %w: tensor<8x4xi8>) -> tensor<6x4xi32> attributes {hwacc.backend = "hwacc"} {
    %bias = arith.constant dense<0> : tensor<4xi32>
    %y = "hwacc.gemm"(%x, %w, %bias) {input_km = false, weights_kn = true, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
        hwacc.panels = {columns = array<i64: 0, 4>, dataflow = "weight-stationary", rows = array<i64: 0, 2, 6>, rows_inner = true, steps = array<i64: 0, 8>},
        clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<6x8xi8>, tensor<8x4xi8>, tensor<4xi32>) -> tensor<6x4xi32>
    return %y : tensor<6x4xi32>
  }
}

// -----

// A contraction without panels is not for the machine.
// CHECK: module @machine
// CHECK-NEXT: }
module {
  func.func private @dense(%x: tensor<3x8xi8>, %w: tensor<8x4xi8>) -> tensor<3x4xi32> attributes {hwacc.backend = "cpu"} {
    %bias = arith.constant dense<0> : tensor<4xi32>
    %y = "hwacc.gemm"(%x, %w, %bias) {input_km = false, weights_kn = true, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
        clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<3x8xi8>, tensor<8x4xi8>, tensor<4xi32>) -> tensor<3x4xi32>
    return %y : tensor<3x4xi32>
  }
}

// -----

// The form on memrefs becomes the same loads, computes and stores; a bias is a buffer of its own.
// CHECK: module @machine
// CHECK-NEXT: func.func @dense(%{{.*}}: memref<24xi8> {hwacc.slot = "input"}, %{{.*}}: memref<32xi8> {hwacc.slot = "weights"}, %{{.*}}: memref<{{[0-9]+}}xi8> {hwacc.slot = "bias"}, %{{.*}}: memref<48xi8> {hwacc.slot = "output"})
// CHECK: "hwacc.compute"() {{.*}}k = 8 : i64{{.*}}m = 3 : i64, n = 4 : i64
module {
  memref.global "private" constant @b : memref<4xi32> = dense<[5, 6, 7, 8]>
  func.func private @dense(%x: memref<3x8xi8>, %w: memref<8x4xi8>, %y: memref<3x4xi32>) attributes {hwacc.backend = "hwacc"} {
    %b = memref.get_global @b : memref<4xi32>
    "hwacc.gemm_into"(%x, %w, %b, %y) {input_km = false, weights_kn = true, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32,
      hwacc.panels = {columns = array<i64: 0, 4>, dataflow = "output-stationary", rows = array<i64: 0, 3>, rows_inner = true, steps = array<i64: 0, 8>},
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>} : (memref<3x8xi8>, memref<8x4xi8>, memref<4xi32>, memref<3x4xi32>) -> ()
    return
  }
}
