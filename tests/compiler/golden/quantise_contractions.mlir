// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(mark-layers,quantise-contractions,canonicalize,cse)' | FileCheck %s

// Rows of which nothing is known: scale and zero point at run time, weights with a scale for each column, the bias added at the end.
// CHECK-LABEL: @rows
// CHECK-DAG: %[[SCALES:.*]] = arith.constant dense<[7.87401571E-4, 0.00157480314]> : tensor<2xf32>
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[}}127, 64], [-64, 127], [0, -127]]> : tensor<3x2xi8>
// CHECK-DAG: %[[SUMS:.*]] = arith.constant dense<[63, 64]> : tensor<2xi32>
// CHECK: arith.minimumf
// CHECK: arith.maximumf
// CHECK: %[[SCALE:[0-9]+]] = linalg.generic
// CHECK: %[[POINT:[0-9]+]] = linalg.generic
// CHECK: arith.fptosi
// CHECK: %[[X:[0-9]+]] = linalg.generic {{.*}} ins(%arg0, %[[SCALE]], %[[POINT]]
// CHECK: math.roundeven
// CHECK: %[[SUM:.*]] = linalg.matmul ins(%[[X]], %[[W]] : tensor<5x3xi8>, tensor<3x2xi8>) outs(%{{.*}} : tensor<5x2xi32>)
// CHECK: linalg.generic {{.*}} ins(%[[SUM]], %[[POINT]], %[[SUMS]], %[[SCALE]], %[[SCALES]], %{{.*}}
// CHECK: arith.muli
// CHECK-NEXT: arith.subi
// CHECK-NEXT: arith.sitofp
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: arith.addf
func.func @rows(%x: tensor<5x3xf32>) -> tensor<5x2xf32> {
  %w = arith.constant dense<[[0.1, 0.1], [-0.05, 0.2], [0.0, -0.2]]> : tensor<3x2xf32>
  %b = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<5x2xf32>
  %bias = linalg.broadcast ins(%b : tensor<2xf32>) outs(%e : tensor<5x2xf32>) dimensions = [0]
  %y = linalg.matmul ins(%x, %w : tensor<5x3xf32>, tensor<3x2xf32>) outs(%bias : tensor<5x2xf32>) -> tensor<5x2xf32>
  return %y : tensor<5x2xf32>
}

// -----

// A known range gives a constant scale and a zero point in the product, and one factor for each column.
// CHECK-LABEL: @range
// CHECK-DAG: arith.constant 0.0196078438 : f32
// CHECK-DAG: %[[POINT:.*]] = arith.constant -77 : i32
// CHECK-DAG: %[[FACTOR:.*]] = arith.constant dense<7.71962368E-5> : tensor<2xf32>
// CHECK: %[[X:[0-9]+]] = linalg.generic
// CHECK: arith.addi %{{.*}}, %[[POINT]]
// CHECK: linalg.quantized_matmul ins(%[[X]], %{{.*}}, %[[POINT]], %c0_i32 :
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[FACTOR]] : tensor<5x2xi32>, tensor<2xf32>)
func.func @range(%x: tensor<5x3xf32>) -> tensor<5x2xf32> {
  %w = arith.constant dense<0.5> : tensor<3x2xf32>
  %z = arith.constant dense<0.0> : tensor<5x2xf32>
  %y = linalg.matmul {hwacc.ranges = [array<f64: -1.0, 4.0>, array<f64>]}
      ins(%x, %w : tensor<5x3xf32>, tensor<3x2xf32>) outs(%z : tensor<5x2xf32>) -> tensor<5x2xf32>
  return %y : tensor<5x2xf32>
}

// -----

// A range of nothing but zeros has the scale 1.
// CHECK-LABEL: @zeros
// CHECK-DAG: arith.constant dense<0.00393700786> : tensor<2xf32>
// CHECK: linalg.matmul ins({{.*}} : tensor<5x3xi8>, tensor<3x2xi8>)
func.func @zeros(%x: tensor<5x3xf32>) -> tensor<5x2xf32> {
  %w = arith.constant dense<0.5> : tensor<3x2xf32>
  %z = arith.constant dense<0.0> : tensor<5x2xf32>
  %y = linalg.matmul {hwacc.ranges = [array<f64: 0.0, 0.0>, array<f64>]}
      ins(%x, %w : tensor<5x3xf32>, tensor<3x2xf32>) outs(%z : tensor<5x2xf32>) -> tensor<5x2xf32>
  return %y : tensor<5x2xf32>
}

// -----

// A product of activations, transposed and in batches: the loops that round put it into the plain order, and no transpose is left.
// CHECK-LABEL: @attention
// CHECK-NOT: linalg.transpose
// CHECK: linalg.batch_matmul ins(%{{.*}}, %{{.*}} : tensor<2x3x4xi8>, tensor<2x4x5xi8>) outs(%{{.*}} : tensor<2x3x5xi32>)
// CHECK: linalg.generic
// CHECK: arith.extsi %{{.*}} : i8 to i32
func.func @attention(%q: tensor<3x2x4xf32>, %k: tensor<5x2x4xf32>, %z: tensor<2x3x5xf32>) -> tensor<2x3x5xf32> {
  %0 = tensor.empty() : tensor<2x3x4xf32>
  %1 = tensor.empty() : tensor<2x4x5xf32>
  %2 = linalg.transpose ins(%q : tensor<3x2x4xf32>) outs(%0 : tensor<2x3x4xf32>) permutation = [1, 0, 2]
  %3 = linalg.transpose ins(%k : tensor<5x2x4xf32>) outs(%1 : tensor<2x4x5xf32>) permutation = [1, 2, 0]
  %y = linalg.batch_matmul ins(%2, %3 : tensor<2x3x4xf32>, tensor<2x4x5xf32>) outs(%z : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  return %y : tensor<2x3x5xf32>
}

// -----

// A generic contraction with two dimensions to sum over, and rows in two: one plain product.
// CHECK-LABEL: @einsum
// CHECK: linalg.matmul ins(%{{.*}}, %{{.*}} : tensor<6x20xi8>, tensor<20x7xi8>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<7x2x3xf32>)
#left = affine_map<(a, b, c, d, e) -> (a, d, b, e)>
#right = affine_map<(a, b, c, d, e) -> (e, c, d)>
#out = affine_map<(a, b, c, d, e) -> (c, a, b)>
func.func @einsum(%x: tensor<2x4x3x5xf32>, %y: tensor<5x7x4xf32>, %z: tensor<7x2x3xf32>) -> tensor<7x2x3xf32> {
  %0 = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %y : tensor<2x4x3x5xf32>, tensor<5x7x4xf32>) outs(%z : tensor<7x2x3xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<7x2x3xf32>
  return %0 : tensor<7x2x3xf32>
}

// -----

// A constant on the left is the weights: the product is turned round. Sizes of matrix by vector are 1.
// CHECK-LABEL: @matvec
// CHECK-DAG: arith.constant dense<127> : tensor<3x2xi8>
// CHECK: linalg.matmul ins(%{{.*}}, %{{.*}} : tensor<1x3xi8>, tensor<3x2xi8>) outs(%{{.*}} : tensor<1x2xi32>)
func.func @matvec(%x: tensor<3xf32>, %z: tensor<2xf32>) -> tensor<2xf32> {
  %w = arith.constant dense<0.5> : tensor<2x3xf32>
  %y = linalg.matvec ins(%w, %x : tensor<2x3xf32>, tensor<3xf32>) outs(%z : tensor<2xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

// A convolution becomes NHWC by OHWI; its picture is padded once it is int8, with what stands for zero.
// CHECK-LABEL: @convolution
// CHECK-DAG: arith.constant dense<127> : tensor<4x3x3x2xi8>
// CHECK-DAG: %[[PAD:.*]] = arith.constant -77 : i8
// CHECK: linalg.generic {{.*}} ins(%arg0 : tensor<1x2x5x5xf32>) outs(%{{.*}} : tensor<1x5x5x2xi8>)
// CHECK: tensor.pad %{{.*}} low[0, 1, 1, 0] high[0, 1, 1, 0]
// CHECK: tensor.yield %[[PAD]]
// CHECK: linalg.conv_2d_nhwc_fhwc_q {dilations = dense<1> : tensor<2xi64>, strides = dense<2> : tensor<2xi64>}
// CHECK-SAME: tensor<1x7x7x2xi8>, tensor<4x3x3x2xi8>, i32, i32)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<1x4x3x3xf32>)
func.func @convolution(%x: tensor<1x2x5x5xf32>, %z: tensor<1x4x3x3xf32>) -> tensor<1x4x3x3xf32> {
  %w = arith.constant dense<0.5> : tensor<4x2x3x3xf32>
  %c0 = arith.constant 0.0 : f32
  %padded = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %c0 : f32
  } : tensor<1x2x5x5xf32> to tensor<1x2x7x7xf32>
  %y = linalg.conv_2d_nchw_fchw {strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>, hwacc.ranges = [array<f64: -1.0, 4.0>, array<f64>]}
      ins(%padded, %w : tensor<1x2x7x7xf32>, tensor<4x2x3x3xf32>) outs(%z : tensor<1x4x3x3xf32>) -> tensor<1x4x3x3xf32>
  return %y : tensor<1x4x3x3xf32>
}

// -----

// A one-dimensional convolution is one of pictures with a single row; nothing is known of it, so each picture has a scale.
// CHECK-LABEL: @signal
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<3xf32>)
// CHECK: linalg.conv_2d_nhwc_fhwc {dilations = dense<[1, 2]> : tensor<2xi64>, strides = dense<[1, 4]> : tensor<2xi64>}
// CHECK-SAME: tensor<3x1x19x2xi8>, tensor<5x1x4x2xi8>
func.func @signal(%x: tensor<3x2x19xf32>, %w: tensor<5x2x4xf32>, %z: tensor<3x5x4xf32>) -> tensor<3x5x4xf32> {
  %y = linalg.conv_1d_ncw_fcw {strides = dense<4> : tensor<1xi64>, dilations = dense<2> : tensor<1xi64>}
      ins(%x, %w : tensor<3x2x19xf32>, tensor<5x2x4xf32>) outs(%z : tensor<3x5x4xf32>) -> tensor<3x5x4xf32>
  return %y : tensor<3x5x4xf32>
}

// -----

// What is to stay float, or cannot be int8, stays, and says why.
// CHECK-LABEL: @stays
// CHECK: linalg.matmul {hwacc.float, hwacc.layer = "matmul_0", hwacc.reason = "stays float, as was asked for"} ins(%arg0
// CHECK: linalg.matmul {hwacc.layer = "matmul_1", hwacc.reason = "its weights hold infinities or NaN, which int8 cannot"}
func.func @stays(%x: tensor<5x3xf32>, %v: tensor<3x3xf32>) -> tensor<5x3xf32> {
  %w = arith.constant dense<0x7F800000> : tensor<3x3xf32>
  %z = arith.constant dense<0.0> : tensor<5x3xf32>
  %a = linalg.matmul {hwacc.float} ins(%x, %v : tensor<5x3xf32>, tensor<3x3xf32>) outs(%z : tensor<5x3xf32>) -> tensor<5x3xf32>
  %y = linalg.matmul ins(%a, %w : tensor<5x3xf32>, tensor<3x3xf32>) outs(%z : tensor<5x3xf32>) -> tensor<5x3xf32>
  return %y : tensor<5x3xf32>
}

// -----

// Half floats are computed with as float32, and are what they were at the end.
// CHECK-LABEL: @half
// CHECK: arith.extf %{{.*}} : f16 to f32
// CHECK: linalg.matmul ins({{.*}} : tensor<5x3xi8>, tensor<3x3xi8>)
// CHECK: arith.truncf %{{.*}} : f32 to f16
func.func @half(%x: tensor<5x3xf16>, %v: tensor<3x3xf16>, %z: tensor<5x3xf16>) -> tensor<5x3xf16> {
  %a = linalg.matmul ins(%x, %v : tensor<5x3xf16>, tensor<3x3xf16>) outs(%z : tensor<5x3xf16>) -> tensor<5x3xf16>
  return %a : tensor<5x3xf16>
}

// -----

// So does what has no form in int8: in groups, or of sizes that nobody knows yet. A product of integers has nothing to say.
// CHECK-LABEL: @other_forms
// CHECK: linalg.depthwise_conv_2d_nhwc_hwc {hwacc.reason = "stays float: matrix products, and convolutions of one group and at most two dimensions, become int8"}
// CHECK: linalg.matmul {hwacc.reason = "stays float: its sizes are known only at run time"}
// CHECK: linalg.matmul ins(%{{.*}} : tensor<3x3xi8>
func.func @other_forms(%x: tensor<1x5x5x2xf32>, %w: tensor<3x3x2xf32>, %i: tensor<1x3x3x2xf32>, %a: tensor<?x4xf32>, %b: tensor<4x4xf32>,
    %c: tensor<?x4xf32>, %p: tensor<3x3xi8>, %q: tensor<3x3xi32>) -> (tensor<1x3x3x2xf32>, tensor<?x4xf32>, tensor<3x3xi32>) {
  %0 = linalg.depthwise_conv_2d_nhwc_hwc ins(%x, %w : tensor<1x5x5x2xf32>, tensor<3x3x2xf32>) outs(%i : tensor<1x3x3x2xf32>) -> tensor<1x3x3x2xf32>
  %1 = linalg.matmul ins(%a, %b : tensor<?x4xf32>, tensor<4x4xf32>) outs(%c : tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = linalg.matmul ins(%p, %p : tensor<3x3xi8>, tensor<3x3xi8>) outs(%q : tensor<3x3xi32>) -> tensor<3x3xi32>
  return %0, %1, %2 : tensor<1x3x3x2xf32>, tensor<?x4xf32>, tensor<3x3xi32>
}
