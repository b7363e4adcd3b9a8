// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(normalise-contractions)' | FileCheck %s

// Padding, zero point, stride, dilation and bias of a convolution become attributes and an operand.
// CHECK-LABEL: @padded
// CHECK-SAME: %[[X:.*]]: tensor<1x7x9x3xi8>
// CHECK: %[[BIAS:.*]] = arith.constant dense<[-3, 70000]> : tensor<2xi32>
// CHECK: "hwacc.conv2d"(%[[X]], %{{.*}}, %[[BIAS]])
// CHECK-SAME: dilations = array<i64: 2, 1>
// CHECK-SAME: input_zero_point = -5 : i32
// CHECK-SAME: pad_value = -5 : i32
// CHECK-SAME: padding = array<i64: 1, 2, 0, 1>
// CHECK-SAME: strides = array<i64: 1, 3>
// CHECK-SAME: (tensor<1x7x9x3xi8>, tensor<2x3x2x3xi8>, tensor<2xi32>) -> tensor<1x6x3x2xi32>
#channel = affine_map<(d0, d1, d2, d3) -> (d3)>
#all = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
func.func @padded(%x: tensor<1x7x9x3xi8>) -> tensor<1x6x3x2xi32> {
  %w = arith.constant dense<7> : tensor<2x3x2x3xi8>
  %bias = arith.constant dense<[-3, 70000]> : tensor<2xi32>
  %pad = arith.constant -5 : i8
  %zx = arith.constant -5 : i32
  %zw = arith.constant 0 : i32
  %padded = tensor.pad %x low[0, 1, 0, 0] high[0, 2, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %pad : i8
  } : tensor<1x7x9x3xi8> to tensor<1x10x10x3xi8>
  %empty = tensor.empty() : tensor<1x6x3x2xi32>
  %init = linalg.generic {indexing_maps = [#channel, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%bias : tensor<2xi32>) outs(%empty : tensor<1x6x3x2xi32>) {
  ^bb0(%in: i32, %out: i32):
    linalg.yield %in : i32
  } -> tensor<1x6x3x2xi32>
  %y = linalg.conv_2d_nhwc_fhwc_q {dilations = dense<[2, 1]> : tensor<2xi64>, strides = dense<[1, 3]> : tensor<2xi64>}
      ins(%padded, %w, %zx, %zw : tensor<1x10x10x3xi8>, tensor<2x3x2x3xi8>, i32, i32) outs(%init : tensor<1x6x3x2xi32>) -> tensor<1x6x3x2xi32>
  return %y : tensor<1x6x3x2xi32>
}

// -----

// A slice that only cuts off what no window reaches is not needed.
// CHECK-LABEL: @sliced
// CHECK-SAME: %[[X:.*]]: tensor<1x32x32x4xi8>
// CHECK: "hwacc.conv2d"(%[[X]],
// CHECK-SAME: -> tensor<1x16x16x2xi32>
func.func @sliced(%x: tensor<1x32x32x4xi8>, %w: tensor<2x1x1x4xi8>) -> tensor<1x16x16x2xi32> {
  %zero = arith.constant 0 : i32
  %cut = tensor.extract_slice %x[0, 0, 0, 0] [1, 31, 31, 4] [1, 1, 1, 1] : tensor<1x32x32x4xi8> to tensor<1x31x31x4xi8>
  %empty = tensor.empty() : tensor<1x16x16x2xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<1x16x16x2xi32>) -> tensor<1x16x16x2xi32>
  %y = linalg.conv_2d_nhwc_fhwc {dilations = dense<1> : tensor<2xi64>, strides = dense<2> : tensor<2xi64>}
      ins(%cut, %w : tensor<1x31x31x4xi8>, tensor<2x1x1x4xi8>) outs(%init : tensor<1x16x16x2xi32>) -> tensor<1x16x16x2xi32>
  return %y : tensor<1x16x16x2xi32>
}

// -----

// A slice that takes a window away is needed.
// CHECK-LABEL: @sliced_for_good
// CHECK: %[[CUT:.*]] = tensor.extract_slice
// CHECK: "hwacc.conv2d"(%[[CUT]],
func.func @sliced_for_good(%x: tensor<1x33x32x4xi8>, %w: tensor<2x1x1x4xi8>) -> tensor<1x16x16x2xi32> {
  %zero = arith.constant 0 : i32
  %cut = tensor.extract_slice %x[0, 0, 0, 0] [1, 31, 31, 4] [1, 1, 1, 1] : tensor<1x33x32x4xi8> to tensor<1x31x31x4xi8>
  %empty = tensor.empty() : tensor<1x16x16x2xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<1x16x16x2xi32>) -> tensor<1x16x16x2xi32>
  %y = linalg.conv_2d_nhwc_fhwc {dilations = dense<1> : tensor<2xi64>, strides = dense<2> : tensor<2xi64>}
      ins(%cut, %w : tensor<1x31x31x4xi8>, tensor<2x1x1x4xi8>) outs(%init : tensor<1x16x16x2xi32>) -> tensor<1x16x16x2xi32>
  return %y : tensor<1x16x16x2xi32>
}

// -----

// Matrix products, plain and with a transposed second operand, become hwacc.gemm.
// CHECK-LABEL: @products
// CHECK: "hwacc.gemm"(%arg0, %arg1, %{{.*}}weights_kn = true
// CHECK: "hwacc.gemm"(%arg0, %arg2, %{{.*}}weights_kn = false
#row = affine_map<(d0, d1, d2) -> (d0, d2)>
#column = affine_map<(d0, d1, d2) -> (d1, d2)>
#result = affine_map<(d0, d1, d2) -> (d0, d1)>
func.func @products(%a: tensor<4x6xi8>, %b: tensor<6x5xi8>, %c: tensor<5x6xi8>) -> (tensor<4x5xi32>, tensor<4x5xi32>) {
  %zero = arith.constant dense<0> : tensor<4x5xi32>
  %0 = linalg.matmul ins(%a, %b : tensor<4x6xi8>, tensor<6x5xi8>) outs(%zero : tensor<4x5xi32>) -> tensor<4x5xi32>
  %1 = linalg.matmul indexing_maps = [#row, #column, #result]
      ins(%a, %c : tensor<4x6xi8>, tensor<5x6xi8>) outs(%zero : tensor<4x5xi32>) -> tensor<4x5xi32>
  return %0, %1 : tensor<4x5xi32>, tensor<4x5xi32>
}

// -----

// What does not fit keeps its form and gets a reason.
// CHECK-LABEL: @refused
// CHECK: linalg.depthwise_conv_2d_nhwc_hwc
// CHECK-SAME: hwacc.reason = "depthwise:
// CHECK: linalg.quantized_matmul {hwacc.reason = "its weights have the zero point 9; the array takes symmetric weights only"}
// CHECK: linalg.matmul {hwacc.reason = "multiplies f32 by f32 into f32; the array multiplies i8 by i8 into i32"}
// CHECK: linalg.matmul {hwacc.reason = "what it adds is not a constant for each output channel"}
func.func @refused(%x: tensor<1x5x5x2xi8>, %w: tensor<3x3x2xi8>, %i: tensor<1x3x3x2xi32>, %a: tensor<4x4xi8>, %f: tensor<4x4xf32>, %m: tensor<4x4xi32>)
    -> (tensor<1x3x3x2xi32>, tensor<4x4xi32>, tensor<4x4xf32>, tensor<4x4xi32>) {
  %c3 = arith.constant 3 : i32
  %c9 = arith.constant 9 : i32
  %0 = linalg.depthwise_conv_2d_nhwc_hwc {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x5x5x2xi8>, tensor<3x3x2xi8>) outs(%i : tensor<1x3x3x2xi32>) -> tensor<1x3x3x2xi32>
  %1 = linalg.quantized_matmul ins(%a, %a, %c3, %c9 : tensor<4x4xi8>, tensor<4x4xi8>, i32, i32) outs(%m : tensor<4x4xi32>) -> tensor<4x4xi32>
  %2 = linalg.matmul ins(%f, %f : tensor<4x4xf32>, tensor<4x4xf32>) outs(%f : tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = linalg.matmul ins(%a, %a : tensor<4x4xi8>, tensor<4x4xi8>) outs(%m : tensor<4x4xi32>) -> tensor<4x4xi32>
  return %0, %1, %2, %3 : tensor<1x3x3x2xi32>, tensor<4x4xi32>, tensor<4x4xf32>, tensor<4x4xi32>
}

// -----

// A reduction that could leave int32 is not for the array.
// CHECK-LABEL: @too_long
// CHECK: linalg.matmul {hwacc.reason = "a reduction of 131072 products can overflow int32; at most 131071 are supported"}
func.func @too_long(%a: tensor<1x131072xi8>, %b: tensor<131072x2xi8>) -> tensor<1x2xi32> {
  %zero = arith.constant dense<0> : tensor<1x2xi32>
  %0 = linalg.matmul ins(%a, %b : tensor<1x131072xi8>, tensor<131072x2xi8>) outs(%zero : tensor<1x2xi32>) -> tensor<1x2xi32>
  return %0 : tensor<1x2xi32>
}

// -----

// A product of buffers keeps its form, too.
// CHECK-LABEL: @buffers
// CHECK: linalg.matmul {hwacc.reason = "works on memrefs; the array takes operations on tensors"}
func.func @buffers(%a: memref<4x4xi8>, %b: memref<4x4xi8>, %c: memref<4x4xi32>) {
  linalg.matmul ins(%a, %b : memref<4x4xi8>, memref<4x4xi8>) outs(%c : memref<4x4xi32>)
  return
}
