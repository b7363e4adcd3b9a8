// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(requantise-on-array,canonicalize,cse)' | FileCheck %s

// Scale, bias, ReLU as a comparison, and rounding become bias, multiplier, shift and clamp of the sum.
// CHECK-LABEL: @dense
// CHECK-DAG: %[[B:.*]] = arith.constant dense<[512, -256, 0]> : tensor<3xi32>
// CHECK-DAG: %[[M:.*]] = arith.constant dense<[1073741824, 1073741824, 1099511680]> : tensor<3xi32>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<[36, 35, 39]> : tensor<3xi8>
// CHECK: %[[BIAS:.*]] = linalg.broadcast ins(%[[B]] : tensor<3xi32>)
// CHECK: %[[SUM:.*]] = linalg.matmul ins(%arg0, %arg1 : {{.*}}) outs(%[[BIAS]] : tensor<4x3xi32>)
// CHECK: linalg.generic {{.*}} ins(%[[SUM]], %[[M]], %[[S]] :
// CHECK: tosa.apply_scale %{{.*}} {rounding_mode = SINGLE_ROUND}
// CHECK-NEXT: arith.addi %{{.*}}, %c-100_i32
// CHECK-NEXT: arith.maxsi %{{.*}}, %c-100_i32
// CHECK-NEXT: arith.minsi %{{.*}}, %c127_i32
// CHECK-NEXT: arith.trunci
// CHECK-NOT: linalg.generic
#all = affine_map<(d0, d1) -> (d0, d1)>
#channel = affine_map<(d0, d1) -> (d1)>
func.func @dense(%x: tensor<4x2xi8>, %w: tensor<2x3xi8>) -> tensor<4x3xi8> {
  %zeros = arith.constant dense<0> : tensor<4x3xi32>
  %scales = arith.constant dense<[0.0078125, 0.015625, 0.001]> : tensor<3xf32>
  %bias = arith.constant dense<[4.0, -4.0, 0.0]> : tensor<3xf32>
  %zero = arith.constant 0.0 : f32
  %scale = arith.constant 0.5 : f32
  %low = arith.constant -28.0 : f32
  %high = arith.constant 227.0 : f32
  %point = arith.constant -100 : i32
  %e = tensor.empty() : tensor<4x3xf32>
  %f = tensor.empty() : tensor<4x3xi8>
  %sum = linalg.matmul ins(%x, %w : tensor<4x2xi8>, tensor<2x3xi8>) outs(%zeros : tensor<4x3xi32>) -> tensor<4x3xi32>
  %y = linalg.generic {indexing_maps = [#all, #channel, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%sum, %scales, %bias : tensor<4x3xi32>, tensor<3xf32>, tensor<3xf32>) outs(%e : tensor<4x3xf32>) {
  ^bb0(%in: i32, %s: f32, %b: f32, %out: f32):
    %0 = arith.sitofp %in : i32 to f32
    %1 = arith.mulf %0, %s : f32
    %2 = arith.addf %1, %b : f32
    linalg.yield %2 : f32
  } -> tensor<4x3xf32>
  %r = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<4x3xf32>) outs(%e : tensor<4x3xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.cmpf ugt, %in, %zero : f32
    %1 = arith.select %0, %in, %zero : f32
    linalg.yield %1 : f32
  } -> tensor<4x3xf32>
  %q = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%r : tensor<4x3xf32>) outs(%f : tensor<4x3xi8>) {
  ^bb0(%in: f32, %out: i8):
    %0 = arith.divf %in, %scale : f32
    %1 = math.roundeven %0 : f32
    %2 = arith.maxnumf %1, %low : f32
    %3 = arith.minnumf %2, %high : f32
    %4 = arith.fptosi %3 : f32 to i32
    %5 = arith.addi %4, %point : i32
    %6 = arith.trunci %5 : i32 to i8
    linalg.yield %6 : i8
  } -> tensor<4x3xi8>
  return %q : tensor<4x3xi8>
}

// -----

// Between convolutions of other layouts the transposes cancel; what a reshape and a transpose leave over moves int8.
// CHECK-LABEL: @layouts
// CHECK: %[[SUM:.*]] = linalg.conv_2d_nhwc_fhwc
// CHECK: %[[Q:.*]] = linalg.generic {{.*}} ins(%[[SUM]], %{{.*}} : tensor<1x2x2x3xi32>, tensor<3xi32>, tensor<3xi8>) outs(%{{.*}} : tensor<1x2x2x3xi8>)
// CHECK: %[[MOVED:.*]] = linalg.generic {{.*}} ins(%[[Q]] : tensor<1x2x2x3xi8>) outs(%{{.*}} : tensor<1x3x2x2xi8>)
// CHECK-NEXT: ^bb0(%[[IN:.*]]: i8, %{{.*}}: i8):
// CHECK-NEXT: linalg.yield %[[IN]]
// CHECK: tensor.collapse_shape %[[MOVED]] {{.*}} into tensor<1x12xi8>
#nhwc = affine_map<(n, h, w, c) -> (n, h, w, c)>
#nchw = affine_map<(n, h, w, c) -> (n, c, h, w)>
#flat = affine_map<(a, b) -> (a, b)>
func.func @layouts(%x: tensor<1x2x2x5xi8>, %w: tensor<3x1x1x5xi8>) -> tensor<1x12xi8> {
  %zeros = arith.constant dense<0> : tensor<1x2x2x3xi32>
  %factor = arith.constant 0.01 : f32
  %low = arith.constant -127.0 : f32
  %high = arith.constant 127.0 : f32
  %e = tensor.empty() : tensor<1x3x2x2xf32>
  %f = tensor.empty() : tensor<1x12xi8>
  %sum = linalg.conv_2d_nhwc_fhwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x2x2x5xi8>, tensor<3x1x1x5xi8>) outs(%zeros : tensor<1x2x2x3xi32>) -> tensor<1x2x2x3xi32>
  %y = linalg.generic {indexing_maps = [#nhwc, #nchw], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%sum : tensor<1x2x2x3xi32>) outs(%e : tensor<1x3x2x2xf32>) {
  ^bb0(%in: i32, %out: f32):
    %0 = arith.sitofp %in : i32 to f32
    %1 = arith.mulf %0, %factor : f32
    linalg.yield %1 : f32
  } -> tensor<1x3x2x2xf32>
  %r = tensor.collapse_shape %y [[0], [1, 2, 3]] : tensor<1x3x2x2xf32> into tensor<1x12xf32>
  %q = linalg.generic {indexing_maps = [#flat, #flat], iterator_types = ["parallel", "parallel"]} ins(%r : tensor<1x12xf32>) outs(%f : tensor<1x12xi8>) {
  ^bb0(%in: f32, %out: i8):
    %1 = math.roundeven %in : f32
    %2 = arith.maxnumf %1, %low : f32
    %3 = arith.minnumf %2, %high : f32
    %4 = arith.fptosi %3 : f32 to i8
    linalg.yield %4 : i8
  } -> tensor<1x12xi8>
  return %q : tensor<1x12xi8>
}

// -----

// Floats that something else needs stay.
// CHECK-LABEL: @needed
// CHECK-NOT: tosa.apply_scale
#all = affine_map<(d0, d1) -> (d0, d1)>
func.func @needed(%x: tensor<4x2xi8>, %w: tensor<2x3xi8>) -> (tensor<4x3xi8>, tensor<4x3xf32>) {
  %zeros = arith.constant dense<0> : tensor<4x3xi32>
  %factor = arith.constant 0.01 : f32
  %low = arith.constant -127.0 : f32
  %high = arith.constant 127.0 : f32
  %e = tensor.empty() : tensor<4x3xf32>
  %f = tensor.empty() : tensor<4x3xi8>
  %sum = linalg.matmul ins(%x, %w : tensor<4x2xi8>, tensor<2x3xi8>) outs(%zeros : tensor<4x3xi32>) -> tensor<4x3xi32>
  %y = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%sum : tensor<4x3xi32>) outs(%e : tensor<4x3xf32>) {
  ^bb0(%in: i32, %out: f32):
    %0 = arith.sitofp %in : i32 to f32
    %1 = arith.mulf %0, %factor : f32
    linalg.yield %1 : f32
  } -> tensor<4x3xf32>
  %q = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<4x3xf32>) outs(%f : tensor<4x3xi8>) {
  ^bb0(%in: f32, %out: i8):
    %1 = math.roundeven %in : f32
    %2 = arith.maxnumf %1, %low : f32
    %3 = arith.minnumf %2, %high : f32
    %4 = arith.fptosi %3 : f32 to i8
    linalg.yield %4 : i8
  } -> tensor<4x3xi8>
  return %q, %y : tensor<4x3xi8>, tensor<4x3xf32>
}

// -----

// A bias after the ReLU gives each channel another clamp, which the array has not; nor does it compute anything but lines.
// CHECK-LABEL: @other
// CHECK-NOT: tosa.apply_scale
#all = affine_map<(d0, d1) -> (d0, d1)>
#channel = affine_map<(d0, d1) -> (d1)>
func.func @other(%x: tensor<4x2xi8>, %w: tensor<2x3xi8>) -> (tensor<4x3xi8>, tensor<4x3xi8>) {
  %zeros = arith.constant dense<0> : tensor<4x3xi32>
  %bias = arith.constant dense<[4.0, -4.0, 0.0]> : tensor<3xf32>
  %factor = arith.constant 0.01 : f32
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -127.0 : f32
  %high = arith.constant 127.0 : f32
  %f = tensor.empty() : tensor<4x3xi8>
  %sum = linalg.matmul ins(%x, %w : tensor<4x2xi8>, tensor<2x3xi8>) outs(%zeros : tensor<4x3xi32>) -> tensor<4x3xi32>
  %q = linalg.generic {indexing_maps = [#all, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%sum, %bias : tensor<4x3xi32>, tensor<3xf32>) outs(%f : tensor<4x3xi8>) {
  ^bb0(%in: i32, %b: f32, %out: i8):
    %0 = arith.sitofp %in : i32 to f32
    %1 = arith.mulf %0, %factor : f32
    %2 = arith.maximumf %1, %zero : f32
    %3 = arith.addf %2, %b : f32
    %4 = math.roundeven %3 : f32
    %5 = arith.maxnumf %4, %low : f32
    %6 = arith.minnumf %5, %high : f32
    %7 = arith.fptosi %6 : f32 to i8
    linalg.yield %7 : i8
  } -> tensor<4x3xi8>
  %sum2 = linalg.matmul ins(%x, %w : tensor<4x2xi8>, tensor<2x3xi8>) outs(%zeros : tensor<4x3xi32>) -> tensor<4x3xi32>
  %q2 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%sum2 : tensor<4x3xi32>) outs(%f : tensor<4x3xi8>) {
  ^bb0(%in: i32, %out: i8):
    %0 = arith.sitofp %in : i32 to f32
    %1 = math.tanh %0 : f32
    %4 = math.roundeven %1 : f32
    %5 = arith.maxnumf %4, %low : f32
    %6 = arith.minnumf %5, %high : f32
    %7 = arith.fptosi %6 : f32 to i8
    linalg.yield %7 : i8
  } -> tensor<4x3xi8>
  return %q, %q2 : tensor<4x3xi8>, tensor<4x3xi8>
}

// -----

// The largest numbers of windows, and what is padded for them, are taken of int8: rounding keeps the order.
// CHECK-LABEL: @pooling
// CHECK: %[[SUM:.*]] = linalg.conv_2d_nhwc_fhwc
// CHECK: %[[Q:.*]] = linalg.generic {{.*}} ins(%[[SUM]], {{.*}} outs(%{{.*}} : tensor<1x4x4x3xi8>)
// CHECK: %[[MOVED:.*]] = linalg.generic {{.*}} ins(%[[Q]] : tensor<1x4x4x3xi8>) outs(%{{.*}} : tensor<1x3x4x4xi8>)
// CHECK: %[[PADDED:.*]] = tensor.pad %[[MOVED]] low[0, 0, 1, 0] high[0, 0, 0, 1]
// CHECK: tensor.yield %c-128_i8
// CHECK: linalg.pooling_nchw_max {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
// CHECK-SAME: ins(%[[PADDED]], %{{.*}} : tensor<1x3x5x5xi8>, tensor<3x3xf32>) outs(%{{.*}} : tensor<1x3x2x2xi8>)
#nhwc = affine_map<(n, h, w, c) -> (n, h, w, c)>
#nchw = affine_map<(n, h, w, c) -> (n, c, h, w)>
func.func @pooling(%x: tensor<1x4x4x5xi8>, %w: tensor<3x1x1x5xi8>) -> tensor<1x3x2x2xi8> {
  %zeros = arith.constant dense<0> : tensor<1x4x4x3xi32>
  %factor = arith.constant 0.01 : f32
  %low = arith.constant -127.0 : f32
  %high = arith.constant 127.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<1x3x4x4xf32>
  %g = tensor.empty() : tensor<1x3x2x2xf32>
  %f = tensor.empty() : tensor<1x3x2x2xi8>
  %window = tensor.empty() : tensor<3x3xf32>
  %start = linalg.fill ins(%least : f32) outs(%g : tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xf32>
  %sum = linalg.conv_2d_nhwc_fhwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x4x4x5xi8>, tensor<3x1x1x5xi8>) outs(%zeros : tensor<1x4x4x3xi32>) -> tensor<1x4x4x3xi32>
  %y = linalg.generic {indexing_maps = [#nhwc, #nchw], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%sum : tensor<1x4x4x3xi32>) outs(%e : tensor<1x3x4x4xf32>) {
  ^bb0(%in: i32, %out: f32):
    %0 = arith.sitofp %in : i32 to f32
    %1 = arith.mulf %0, %factor : f32
    linalg.yield %1 : f32
  } -> tensor<1x3x4x4xf32>
  %p = tensor.pad %y low[0, 0, 1, 0] high[0, 0, 0, 1] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %least : f32
  } : tensor<1x3x4x4xf32> to tensor<1x3x5x5xf32>
  %m = linalg.pooling_nchw_max {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
      ins(%p, %window : tensor<1x3x5x5xf32>, tensor<3x3xf32>) outs(%start : tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xf32>
  %q = linalg.generic {indexing_maps = [#nhwc, #nhwc], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%m : tensor<1x3x2x2xf32>) outs(%f : tensor<1x3x2x2xi8>) {
  ^bb0(%in: f32, %out: i8):
    %1 = math.roundeven %in : f32
    %2 = arith.maxnumf %1, %low : f32
    %3 = arith.minnumf %2, %high : f32
    %4 = arith.fptosi %3 : f32 to i8
    linalg.yield %4 : i8
  } -> tensor<1x3x2x2xi8>
  return %q : tensor<1x3x2x2xi8>
}
