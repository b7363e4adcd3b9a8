// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(fuse-rescale,canonicalize)' | FileCheck %s

// A per-channel rescale with double rounding becomes operands and attributes.
// CHECK-LABEL: @per_channel
// CHECK-DAG: %[[M:.*]] = arith.constant dense<[1073741824, 1500000000, 2147483647]> : tensor<3xi32>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<[31, 40, 35]> : tensor<3xi8>
// CHECK: "hwacc.gemm"(%arg0, %arg1, %{{.*}}, %[[M]], %[[S]])
// CHECK-SAME: clamp_max = 127 : i32, clamp_min = -128 : i32, double_round = true
// CHECK-SAME: zero_point = -11 : i32
// CHECK-SAME: -> tensor<4x3xi8>
// CHECK-NOT: linalg.generic
#all = affine_map<(d0, d1) -> (d0, d1)>
#channel = affine_map<(d0, d1) -> (d1)>
func.func @per_channel(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>) -> tensor<4x3xi8> {
  %b = arith.constant dense<0> : tensor<3xi32>
  %m = arith.constant dense<[1073741824, 1500000000, 2147483647]> : tensor<3xi32>
  %s = arith.constant dense<[31, 40, 35]> : tensor<3xi8>
  %zp = arith.constant -11 : i32
  %low = arith.constant -128 : i32
  %high = arith.constant 127 : i32
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %e = tensor.empty() : tensor<4x3xi8>
  %z = linalg.generic {indexing_maps = [#all, #channel, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%y, %m, %s : tensor<4x3xi32>, tensor<3xi32>, tensor<3xi8>) outs(%e : tensor<4x3xi8>) {
  ^bb0(%in: i32, %mul: i32, %sh: i8, %out: i8):
    %0 = tosa.apply_scale %in, %mul, %sh {rounding_mode = DOUBLE_ROUND} : (i32, i32, i8) -> i32
    %1 = arith.addi %0, %zp : i32
    %2 = arith.maxsi %1, %low : i32
    %3 = arith.minsi %2, %high : i32
    %4 = arith.trunci %3 : i32 to i8
    linalg.yield %4 : i8
  } -> tensor<4x3xi8>
  return %z : tensor<4x3xi8>
}

// -----

// A per-tensor rescale with single rounding and a narrow clamp, in the other order, is the same thing with one number each.
// CHECK-LABEL: @per_tensor
// CHECK-DAG: %[[M:.*]] = arith.constant dense<1234567890> : tensor<1xi32>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<38> : tensor<1xi8>
// CHECK: "hwacc.gemm"(%arg0, %arg1, %{{.*}}, %[[M]], %[[S]])
// CHECK-SAME: clamp_max = 99 : i32, clamp_min = -2 : i32, double_round = false
#all = affine_map<(d0, d1) -> (d0, d1)>
func.func @per_tensor(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>) -> tensor<4x3xi8> {
  %b = arith.constant dense<0> : tensor<3xi32>
  %m = arith.constant 1234567890 : i32
  %s = arith.constant 38 : i8
  %low = arith.constant -2 : i32
  %high = arith.constant 99 : i32
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %e = tensor.empty() : tensor<4x3xi8>
  %z = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<4x3xi32>) outs(%e : tensor<4x3xi8>) {
  ^bb0(%in: i32, %out: i8):
    %0 = tosa.apply_scale %in, %m, %s {rounding_mode = SINGLE_ROUND} : (i32, i32, i8) -> i32
    %1 = arith.minsi %0, %high : i32
    %2 = arith.maxsi %1, %low : i32
    %3 = arith.trunci %2 : i32 to i8
    linalg.yield %3 : i8
  } -> tensor<4x3xi8>
  return %z : tensor<4x3xi8>
}

// -----

// A truncation that wraps is no saturation: the rescale stays on the CPU.
// CHECK-LABEL: @wrapping
// CHECK: "hwacc.gemm"{{.*}} -> tensor<4x3xi32>
// CHECK: linalg.generic
// CHECK-SAME: attrs = {hwacc.reason = "a rescale that the requantiser of the array cannot do"}
// CHECK: tosa.apply_scale
#all = affine_map<(d0, d1) -> (d0, d1)>
func.func @wrapping(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>) -> tensor<4x3xi8> {
  %b = arith.constant dense<0> : tensor<3xi32>
  %m = arith.constant 1234567890 : i32
  %s = arith.constant 38 : i8
  %low = arith.constant -2 : i8
  %high = arith.constant 99 : i8
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %e = tensor.empty() : tensor<4x3xi8>
  %z = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<4x3xi32>) outs(%e : tensor<4x3xi8>) {
  ^bb0(%in: i32, %out: i8):
    %0 = tosa.apply_scale %in, %m, %s {rounding_mode = SINGLE_ROUND} : (i32, i32, i8) -> i32
    %1 = arith.trunci %0 : i32 to i8
    %2 = arith.minsi %1, %high : i8
    %3 = arith.maxsi %2, %low : i8
    linalg.yield %3 : i8
  } -> tensor<4x3xi8>
  return %z : tensor<4x3xi8>
}

// -----

// A sum that is used elsewhere, too, is needed as int32.
// CHECK-LABEL: @used_twice
// CHECK: "hwacc.gemm"{{.*}} -> tensor<4x3xi32>
// CHECK: tosa.apply_scale
#all = affine_map<(d0, d1) -> (d0, d1)>
func.func @used_twice(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>) -> (tensor<4x3xi8>, tensor<4x3xi32>) {
  %b = arith.constant dense<0> : tensor<3xi32>
  %m = arith.constant 1234567890 : i32
  %s = arith.constant 38 : i8
  %low = arith.constant -2 : i32
  %high = arith.constant 99 : i32
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %e = tensor.empty() : tensor<4x3xi8>
  %z = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<4x3xi32>) outs(%e : tensor<4x3xi8>) {
  ^bb0(%in: i32, %out: i8):
    %0 = tosa.apply_scale %in, %m, %s {rounding_mode = SINGLE_ROUND} : (i32, i32, i8) -> i32
    %1 = arith.minsi %0, %high : i32
    %2 = arith.maxsi %1, %low : i32
    %3 = arith.trunci %2 : i32 to i8
    linalg.yield %3 : i8
  } -> tensor<4x3xi8>
  return %z, %y : tensor<4x3xi8>, tensor<4x3xi32>
}

// -----

// A ReLU of the sums is a clamp of the result at what 0 becomes, whatever the scales of the channels are.
// CHECK-LABEL: @relu_before
// CHECK: "hwacc.gemm"(%arg0, %arg1,
// CHECK-SAME: clamp_max = 127 : i32, clamp_min = -11 : i32, double_round = true
// CHECK-NOT: linalg.generic
#all = affine_map<(d0, d1) -> (d0, d1)>
#channel = affine_map<(d0, d1) -> (d1)>
func.func @relu_before(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>) -> tensor<4x3xi8> {
  %b = arith.constant dense<0> : tensor<3xi32>
  %zero = arith.constant 0 : i32
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %m = arith.constant dense<[1073741824, 1500000000, 2147483647]> : tensor<3xi32>
  %s = arith.constant dense<[31, 40, 35]> : tensor<3xi8>
  %zp = arith.constant -11 : i32
  %lowest = arith.constant -128 : i32
  %highest = arith.constant 127 : i32
  %e = tensor.empty() : tensor<4x3xi8>
  %z = linalg.generic {indexing_maps = [#all, #channel, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%y, %m, %s : tensor<4x3xi32>, tensor<3xi32>, tensor<3xi8>) outs(%e : tensor<4x3xi8>) {
  ^bb0(%in: i32, %mul: i32, %sh: i8, %out: i8):
    %c = arith.maxsi %in, %zero : i32
    %0 = tosa.apply_scale %c, %mul, %sh {rounding_mode = DOUBLE_ROUND} : (i32, i32, i8) -> i32
    %1 = arith.addi %0, %zp : i32
    %2 = arith.maxsi %1, %lowest : i32
    %3 = arith.minsi %2, %highest : i32
    %4 = arith.trunci %3 : i32 to i8
    linalg.yield %4 : i8
  } -> tensor<4x3xi8>
  return %z : tensor<4x3xi8>
}

// -----

// So is a clamp in an operation of its own, if its ends become the same in each channel: 4000 times 1/64 less 11 is 52.
// CHECK-LABEL: @clamp_before
// CHECK: "hwacc.gemm"(%arg0, %arg1,
// CHECK-SAME: clamp_max = 52 : i32, clamp_min = -11 : i32, double_round = true
// CHECK-NOT: linalg.generic
#all = affine_map<(d0, d1) -> (d0, d1)>
#channel = affine_map<(d0, d1) -> (d1)>
func.func @clamp_before(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>) -> tensor<4x3xi8> {
  %b = arith.constant dense<0> : tensor<3xi32>
  %zero = arith.constant 0 : i32
  %most = arith.constant 4000 : i32
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %f = tensor.empty() : tensor<4x3xi32>
  %r = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<4x3xi32>) outs(%f : tensor<4x3xi32>) {
  ^bb0(%in: i32, %out: i32):
    %c = arith.maxsi %in, %zero : i32
    %d = arith.minsi %c, %most : i32
    linalg.yield %d : i32
  } -> tensor<4x3xi32>
  %m = arith.constant dense<1073741824> : tensor<3xi32>
  %s = arith.constant dense<36> : tensor<3xi8>
  %zp = arith.constant -11 : i32
  %lowest = arith.constant -128 : i32
  %highest = arith.constant 127 : i32
  %e = tensor.empty() : tensor<4x3xi8>
  %z = linalg.generic {indexing_maps = [#all, #channel, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%r, %m, %s : tensor<4x3xi32>, tensor<3xi32>, tensor<3xi8>) outs(%e : tensor<4x3xi8>) {
  ^bb0(%in: i32, %mul: i32, %sh: i8, %out: i8):
    %0 = tosa.apply_scale %in, %mul, %sh {rounding_mode = DOUBLE_ROUND} : (i32, i32, i8) -> i32
    %1 = arith.addi %0, %zp : i32
    %2 = arith.maxsi %1, %lowest : i32
    %3 = arith.minsi %2, %highest : i32
    %4 = arith.trunci %3 : i32 to i8
    linalg.yield %4 : i8
  } -> tensor<4x3xi8>
  return %z : tensor<4x3xi8>
}

// -----

// Where they become different numbers, nothing is fused.
// CHECK-LABEL: @other_ends
// CHECK: "hwacc.gemm"
// CHECK-SAME: -> tensor<4x3xi32>
// CHECK: linalg.generic
#all = affine_map<(d0, d1) -> (d0, d1)>
#channel = affine_map<(d0, d1) -> (d1)>
func.func @other_ends(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>) -> tensor<4x3xi8> {
  %b = arith.constant dense<0> : tensor<3xi32>
  %zero = arith.constant 0 : i32
  %most = arith.constant 4000 : i32
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %f = tensor.empty() : tensor<4x3xi32>
  %r = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<4x3xi32>) outs(%f : tensor<4x3xi32>) {
  ^bb0(%in: i32, %out: i32):
    %c = arith.maxsi %in, %zero : i32
    %d = arith.minsi %c, %most : i32
    linalg.yield %d : i32
  } -> tensor<4x3xi32>
  %m = arith.constant dense<[1073741824, 1500000000, 2147483647]> : tensor<3xi32>
  %s = arith.constant dense<[31, 40, 35]> : tensor<3xi8>
  %zp = arith.constant -11 : i32
  %lowest = arith.constant -128 : i32
  %highest = arith.constant 127 : i32
  %e = tensor.empty() : tensor<4x3xi8>
  %z = linalg.generic {indexing_maps = [#all, #channel, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%r, %m, %s : tensor<4x3xi32>, tensor<3xi32>, tensor<3xi8>) outs(%e : tensor<4x3xi8>) {
  ^bb0(%in: i32, %mul: i32, %sh: i8, %out: i8):
    %0 = tosa.apply_scale %in, %mul, %sh {rounding_mode = DOUBLE_ROUND} : (i32, i32, i8) -> i32
    %1 = arith.addi %0, %zp : i32
    %2 = arith.maxsi %1, %lowest : i32
    %3 = arith.minsi %2, %highest : i32
    %4 = arith.trunci %3 : i32 to i8
    linalg.yield %4 : i8
  } -> tensor<4x3xi8>
  return %z : tensor<4x3xi8>
}

// -----

// A scale whose results may wrap does not keep the order of the sums.
// CHECK-LABEL: @short_shift
// CHECK: "hwacc.gemm"
// CHECK-SAME: -> tensor<4x3xi32>
// CHECK: linalg.generic
// CHECK-SAME: hwacc.reason
#all = affine_map<(d0, d1) -> (d0, d1)>
#channel = affine_map<(d0, d1) -> (d1)>
func.func @short_shift(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>) -> tensor<4x3xi8> {
  %b = arith.constant dense<0> : tensor<3xi32>
  %zero = arith.constant 0 : i32
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %m = arith.constant dense<1073741824> : tensor<3xi32>
  %s = arith.constant dense<30> : tensor<3xi8>
  %zp = arith.constant -11 : i32
  %lowest = arith.constant -128 : i32
  %highest = arith.constant 127 : i32
  %e = tensor.empty() : tensor<4x3xi8>
  %z = linalg.generic {indexing_maps = [#all, #channel, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%y, %m, %s : tensor<4x3xi32>, tensor<3xi32>, tensor<3xi8>) outs(%e : tensor<4x3xi8>) {
  ^bb0(%in: i32, %mul: i32, %sh: i8, %out: i8):
    %c = arith.maxsi %in, %zero : i32
    %0 = tosa.apply_scale %c, %mul, %sh {rounding_mode = DOUBLE_ROUND} : (i32, i32, i8) -> i32
    %1 = arith.addi %0, %zp : i32
    %2 = arith.maxsi %1, %lowest : i32
    %3 = arith.minsi %2, %highest : i32
    %4 = arith.trunci %3 : i32 to i8
    linalg.yield %4 : i8
  } -> tensor<4x3xi8>
  return %z : tensor<4x3xi8>
}

// -----

// Neither does a negative multiplier.
// CHECK-LABEL: @negative_multiplier
// CHECK: "hwacc.gemm"
// CHECK-SAME: -> tensor<4x3xi32>
// CHECK: linalg.generic
// CHECK-SAME: hwacc.reason
#all = affine_map<(d0, d1) -> (d0, d1)>
#channel = affine_map<(d0, d1) -> (d1)>
func.func @negative_multiplier(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>) -> tensor<4x3xi8> {
  %b = arith.constant dense<0> : tensor<3xi32>
  %zero = arith.constant 0 : i32
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  %m = arith.constant dense<-1073741824> : tensor<3xi32>
  %s = arith.constant dense<36> : tensor<3xi8>
  %zp = arith.constant -11 : i32
  %lowest = arith.constant -128 : i32
  %highest = arith.constant 127 : i32
  %e = tensor.empty() : tensor<4x3xi8>
  %z = linalg.generic {indexing_maps = [#all, #channel, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%y, %m, %s : tensor<4x3xi32>, tensor<3xi32>, tensor<3xi8>) outs(%e : tensor<4x3xi8>) {
  ^bb0(%in: i32, %mul: i32, %sh: i8, %out: i8):
    %c = arith.maxsi %in, %zero : i32
    %0 = tosa.apply_scale %c, %mul, %sh {rounding_mode = DOUBLE_ROUND} : (i32, i32, i8) -> i32
    %1 = arith.addi %0, %zp : i32
    %2 = arith.maxsi %1, %lowest : i32
    %3 = arith.minsi %2, %highest : i32
    %4 = arith.trunci %3 : i32 to i8
    linalg.yield %4 : i8
  } -> tensor<4x3xi8>
  return %z : tensor<4x3xi8>
}
