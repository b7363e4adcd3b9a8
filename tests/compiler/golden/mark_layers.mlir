// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(mark-layers)' | FileCheck %s

// A layer has the name of its weights, else its own, else that of its form; names occur once. Integers are no layers.
// CHECK-LABEL: @names
// CHECK: linalg.matmul {hwacc.layer = "fc"}
// CHECK: linalg.matmul {hwacc.layer = "fc_1"}
// CHECK: linalg.matmul {hwacc.layer = "head"}
// CHECK: linalg.matvec {hwacc.layer = "matvec_3"}
// CHECK: linalg.matmul ins(%{{.*}} : tensor<2x3xi8>
func.func @names(%x: tensor<2x3xf32>, %w: tensor<3x3xf32>, %i: tensor<2x3xi8>, %j: tensor<3x3xi8>, %k: tensor<2x3xi32>)
    -> (tensor<2x3xf32>, tensor<2xf32>, tensor<2x3xi32>) {
  %c = arith.constant dense<0.5> : tensor<3x3xf32> loc("model/fc/kernel")
  %v = arith.constant dense<0.5> : tensor<3xf32>
  %e = arith.constant dense<0.0> : tensor<2xf32>
  %a = linalg.matmul ins(%x, %c : tensor<2x3xf32>, tensor<3x3xf32>) outs(%x : tensor<2x3xf32>) -> tensor<2x3xf32> loc("other")
  %b = linalg.matmul ins(%a, %c : tensor<2x3xf32>, tensor<3x3xf32>) outs(%x : tensor<2x3xf32>) -> tensor<2x3xf32>
  %d = linalg.matmul ins(%b, %w : tensor<2x3xf32>, tensor<3x3xf32>) outs(%x : tensor<2x3xf32>) -> tensor<2x3xf32> loc("head")
  %y = linalg.matvec ins(%d, %v : tensor<2x3xf32>, tensor<3xf32>) outs(%e : tensor<2xf32>) -> tensor<2xf32>
  %n = linalg.matmul ins(%i, %j : tensor<2x3xi8>, tensor<3x3xi8>) outs(%k : tensor<2x3xi32>) -> tensor<2x3xi32>
  return %d, %y, %n : tensor<2x3xf32>, tensor<2xf32>, tensor<2x3xi32>
}

// -----

// Convolutions of the layouts that frameworks write are layers; a depthwise one is none.
// CHECK-LABEL: @convolutions
// CHECK: linalg.conv_1d_ncw_fcw {hwacc.layer = "conv_1d_ncw_fcw_0"}
// CHECK: linalg.conv_2d_nchw_fchw {hwacc.layer = "conv_2d_nchw_fchw_1"}
// CHECK-NOT: hwacc.layer
// CHECK: linalg.depthwise_conv_2d_nhwc_hwc
func.func @convolutions(%s: tensor<1x2x9xf32>, %f: tensor<4x2x3xf32>, %a: tensor<1x4x7xf32>, %x: tensor<1x2x5x5xf32>, %w: tensor<4x2x3x3xf32>,
    %b: tensor<1x4x3x3xf32>, %y: tensor<1x5x5x2xf32>, %d: tensor<3x3x2xf32>, %c: tensor<1x3x3x2xf32>)
    -> (tensor<1x4x7xf32>, tensor<1x4x3x3xf32>, tensor<1x3x3x2xf32>) {
  %0 = linalg.conv_1d_ncw_fcw ins(%s, %f : tensor<1x2x9xf32>, tensor<4x2x3xf32>) outs(%a : tensor<1x4x7xf32>) -> tensor<1x4x7xf32>
  %1 = linalg.conv_2d_nchw_fchw ins(%x, %w : tensor<1x2x5x5xf32>, tensor<4x2x3x3xf32>) outs(%b : tensor<1x4x3x3xf32>) -> tensor<1x4x3x3xf32>
  %2 = linalg.depthwise_conv_2d_nhwc_hwc ins(%y, %d : tensor<1x5x5x2xf32>, tensor<3x3x2xf32>) outs(%c : tensor<1x3x3x2xf32>) -> tensor<1x3x3x2xf32>
  return %0, %1, %2 : tensor<1x4x7xf32>, tensor<1x4x3x3xf32>, tensor<1x3x3x2xf32>
}
