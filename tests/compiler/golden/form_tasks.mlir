// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(form-tasks)' | FileCheck %s

// A product is a task of its own with its bias inside; weights used twice are one constant; a view joins two tasks.
// CHECK: func.func private @first(%{{.*}}: tensor<4x3xi8>, %{{.*}}: tensor<3x3xi8>) -> tensor<4x3xi32>
// CHECK-SAME: hwacc.backend = "hwacc", hwacc.kind = "dense", hwacc.macs = 36 : i64, hwacc.operations = "hwacc.gemm", hwacc.reason = "", hwacc.shape = "4x3x3"
// CHECK-NEXT: arith.constant dense<[1, 2, 3]> : tensor<3xi32>
// CHECK-NEXT: "hwacc.gemm"
// CHECK: func.func private @narrow(%{{.*}}: tensor<4x3xi32>) -> tensor<4x3xi8>
// CHECK-SAME: hwacc.backend = "cpu", hwacc.kind = "other", hwacc.macs = 0 : i64, hwacc.operations = "{{.*}}", hwacc.reason = "neither a convolution nor a matrix product", hwacc.shape = "4x3"
// CHECK: func.func private @second
// CHECK: func.func @main(%[[X:.*]]: tensor<2x2x3xi8>)
// CHECK-COUNT-1: arith.constant
// CHECK-NOT: arith.constant
// CHECK: call @first(%[[V:.*]], %[[W:.*]])
// CHECK: %[[N:.*]] = call @narrow
// CHECK: call @second(%[[N]], %[[W]])
func.func @model(%x: tensor<2x2x3xi8>) -> tensor<4x3xi32> {
  %w = arith.constant dense<[[1, 2, 3], [4, 5, 6], [7, 8, 9]]> : tensor<3x3xi8>
  %b = arith.constant dense<[1, 2, 3]> : tensor<3xi32>
  %v = tensor.collapse_shape %x [[0, 1], [2]] : tensor<2x2x3xi8> into tensor<4x3xi8>
  %y = "hwacc.gemm"(%v, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x3xi8>, tensor<3x3xi8>, tensor<3xi32>) -> tensor<4x3xi32> loc("first")
  %e = tensor.empty() : tensor<4x3xi8>
  %n = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<4x3xi32>) outs(%e : tensor<4x3xi8>) {
  ^bb0(%in: i32, %out: i8):
    %0 = arith.trunci %in : i32 to i8
    linalg.yield %0 : i8
  } -> tensor<4x3xi8> loc("narrow")
  %z = "hwacc.gemm"(%n, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x3xi8>, tensor<3x3xi8>, tensor<3xi32>) -> tensor<4x3xi32> loc("second")
  return %z : tensor<4x3xi32>
}

// -----

// A depthwise convolution takes its padding and its finish along; the reason says why it is not on the array.
// CHECK: func.func private @depthwise_0(%{{.*}}: tensor<1x3x3x2xi8>, %{{.*}}: tensor<3x3x2xi8>, %{{.*}}: tensor<1x3x3x2xi32>) -> tensor<1x3x3x2xi8>
// CHECK-SAME: hwacc.kind = "depthwise", hwacc.macs = 162 : i64, hwacc.operations = "linalg.depthwise_conv_2d_nhwc_hwc", hwacc.reason = "because", hwacc.shape = "9x9x2"
// CHECK: tensor.pad
// CHECK: linalg.depthwise
// CHECK: arith.trunci
// CHECK-NOT: func.func private
// CHECK: func.func @main
func.func @model(%x: tensor<1x3x3x2xi8>, %w: tensor<3x3x2xi8>, %i: tensor<1x3x3x2xi32>) -> tensor<1x3x3x2xi8> {
  %pad = arith.constant 3 : i8
  %padded = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %pad : i8
  } : tensor<1x3x3x2xi8> to tensor<1x5x5x2xi8>
  %y = linalg.depthwise_conv_2d_nhwc_hwc {hwacc.reason = "because", dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%padded, %w : tensor<1x5x5x2xi8>, tensor<3x3x2xi8>) outs(%i : tensor<1x3x3x2xi32>) -> tensor<1x3x3x2xi32> loc(unknown)
  %e = tensor.empty() : tensor<1x3x3x2xi8>
  %n = linalg.generic {indexing_maps = [affine_map<(i, j, k, l) -> (i, j, k, l)>, affine_map<(i, j, k, l) -> (i, j, k, l)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%y : tensor<1x3x3x2xi32>) outs(%e : tensor<1x3x3x2xi8>) {
  ^bb0(%in: i32, %out: i8):
    %0 = arith.trunci %in : i32 to i8
    linalg.yield %0 : i8
  } -> tensor<1x3x3x2xi8>
  return %n : tensor<1x3x3x2xi8>
}

// -----

// An early operation that only a late one needs waits for it, so that one task holds both.
// CHECK-COUNT-2: func.func private
// CHECK-NOT: func.func private
// CHECK: func.func @main
func.func @model(%x: tensor<3x3xi8>, %w: tensor<3x3xi8>) -> tensor<3x3xi32> {
  %b = arith.constant dense<[1, 2, 3]> : tensor<3xi32>
  %wide = arith.extsi %x : tensor<3x3xi8> to tensor<3x3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<3x3xi8>, tensor<3x3xi8>, tensor<3xi32>) -> tensor<3x3xi32>
  %z = arith.addi %wide, %y : tensor<3x3xi32>
  return %z : tensor<3x3xi32>
}

// -----

// A product of a view of an argument is a task of its own, also where a contraction of the CPU alone uses it.
// CHECK-LABEL: func.func private @dense_0
// CHECK-SAME: hwacc.backend = "hwacc"
// CHECK-LABEL: func.func private @depthwise_1
// CHECK-SAME: hwacc.backend = "cpu"
func.func @product_before_depthwise(%x: tensor<10xi8>, %k: tensor<1x1x3xi8>) -> tensor<1x1x1x3xi32> {
  %w = arith.constant dense<7> : tensor<3x10xi8>
  %b = arith.constant dense<5> : tensor<3xi32>
  %m = arith.constant dense<1234567890> : tensor<1xi32>
  %s = arith.constant dense<38> : tensor<1xi8>
  %zero = arith.constant dense<0> : tensor<1x1x1x3xi32>
  %v = tensor.expand_shape %x [[0, 1]] output_shape [1, 10] : tensor<10xi8> into tensor<1x10xi8>
  %y = "hwacc.gemm"(%v, %w, %b, %m, %s) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32,
      clamp_min = -128 : i32, clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1>}
      : (tensor<1x10xi8>, tensor<3x10xi8>, tensor<3xi32>, tensor<1xi32>, tensor<1xi8>) -> tensor<1x3xi8>
  %p = tensor.expand_shape %y [[0, 1, 2], [3]] output_shape [1, 1, 1, 3] : tensor<1x3xi8> into tensor<1x1x1x3xi8>
  %z = linalg.depthwise_conv_2d_nhwc_hwc {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%p, %k : tensor<1x1x1x3xi8>, tensor<1x1x3xi8>) outs(%zero : tensor<1x1x1x3xi32>) -> tensor<1x1x1x3xi32>
  return %z : tensor<1x1x1x3xi32>
}

// -----

// Assertions go, and with them what only they needed: here all but the operation that is a task.
// CHECK-NOT: cf.assert
// CHECK: func.func private @other_0(%{{.*}}: tensor<4xi32>) -> tensor<4xi32>
// CHECK-SAME: hwacc.operations = "linalg.generic"
// CHECK-NOT: private
// CHECK: func.func @main
// CHECK-NEXT: %[[Y:.*]] = call @other_0(%{{.*}})
// CHECK-NEXT: return %[[Y]]
func.func @model(%x: tensor<4xi32>, %flag: tensor<i1>, %other: tensor<i1>) -> tensor<4xi32> {
  %none = tensor.empty() : tensor<i1>
  %both = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
      ins(%flag, %other : tensor<i1>, tensor<i1>) outs(%none : tensor<i1>) {
  ^bb0(%a: i1, %b: i1, %out: i1):
    %0 = arith.andi %a, %b : i1
    linalg.yield %0 : i1
  } -> tensor<i1>
  %condition = tensor.extract %both[] : tensor<i1>
  cf.assert %condition, "both must be set"
  %one = tensor.extract %flag[] : tensor<i1>
  scf.if %one {
    cf.assert %condition, "both must be set"
  }
  %e = tensor.empty() : tensor<4xi32>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<4xi32>) outs(%e : tensor<4xi32>) {
  ^bb0(%in: i32, %out: i32):
    %0 = arith.addi %in, %in : i32
    linalg.yield %0 : i32
  } -> tensor<4xi32> loc(unknown)
  return %y : tensor<4xi32>
}
