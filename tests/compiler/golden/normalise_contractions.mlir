// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(normalise-contractions)' | FileCheck %s

// Padding, zero point, stride, dilation and bias of a convolution become attributes and an operand.
// CHECK-LABEL: @padded
// CHECK-SAME: %[[X:.*]]: tensor<1x7x9x3xi8>
// CHECK: linalg.generic
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

// Where another window would fit behind the last one, padding is left out, and rows are cut off.
// CHECK-LABEL: @rest
// CHECK: %[[CUT:.*]] = tensor.extract_slice %arg0[0, 0, 0, 0] [1, 31, 33, 4] [1, 1, 1, 1]
// CHECK: "hwacc.conv2d"(%[[CUT]],
// CHECK-SAME: padding = array<i64: 0, 0, 0, 0>
// CHECK-SAME: -> tensor<1x16x17x2xi32>
func.func @rest(%x: tensor<1x33x33x4xi8>, %w: tensor<2x1x1x4xi8>) -> tensor<1x16x17x2xi32> {
  %zero = arith.constant dense<0> : tensor<1x16x17x2xi32>
  %pad = arith.constant 1 : i8
  %padded = tensor.pad %x low[0, 0, 0, 0] high[0, 0, 3, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %pad : i8
  } : tensor<1x33x33x4xi8> to tensor<1x33x36x4xi8>
  %y = linalg.conv_2d_nhwc_fhwc {dilations = dense<1> : tensor<2xi64>, strides = dense<2> : tensor<2xi64>}
      ins(%padded, %w : tensor<1x33x36x4xi8>, tensor<2x1x1x4xi8>) outs(%zero : tensor<1x16x17x2xi32>) -> tensor<1x16x17x2xi32>
  return %y : tensor<1x16x17x2xi32>
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
// CHECK: "hwacc.gemm"
// CHECK: linalg.matmul {hwacc.reason = "multiplies f32 by f32 into f32; the array multiplies i8 by i8 into i32"}
// CHECK-NOT: hwacc.reason
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

// -----

// Attention as einsum "bqhd,bkhd->bhqk" says it: batch and heads are one batch of products, in the order of the result.
// CHECK-LABEL: @attention
// CHECK: %[[Q:.*]] = linalg.transpose ins(%arg0 {{.*}} permutation = [0, 2, 1, 3]
// CHECK: %[[Q3:.*]] = tensor.collapse_shape %[[Q]] {{.*}} into tensor<6x5x8xi8>
// CHECK: %[[K:.*]] = linalg.transpose ins(%arg1 {{.*}} permutation = [0, 2, {{[13]}}, {{[13]}}]
// CHECK: %[[K3:.*]] = tensor.collapse_shape %[[K]]
// CHECK: "hwacc.gemm"(%[[Q3]], %[[K3]], %{{.*}} -> tensor<6x5x4xi32>
// CHECK: tensor.expand_shape {{.*}} output_shape [2, 3, 5, 4]
#q = affine_map<(b, h, i, j, d) -> (b, i, h, d)>
#k = affine_map<(b, h, i, j, d) -> (b, j, h, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>
func.func @attention(%q: tensor<2x5x3x8xi8>, %k: tensor<2x4x3x8xi8>) -> tensor<2x3x5x4xi32> {
  %zero = arith.constant dense<0> : tensor<2x3x5x4xi32>
  %0 = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x5x3x8xi8>, tensor<2x4x3x8xi8>) outs(%zero : tensor<2x3x5x4xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %x = arith.extsi %a : i8 to i32
    %y = arith.extsi %b : i8 to i32
    %p = arith.muli %y, %x : i32
    %t = arith.addi %p, %c : i32
    linalg.yield %t : i32
  } -> tensor<2x3x5x4xi32>
  return %0 : tensor<2x3x5x4xi32>
}

// -----

// Operands may lie with the summed dimension first or last; a batch that is summed up as well is part of it.
// CHECK-LABEL: @transposed
// CHECK: "hwacc.gemm"(%arg0, %arg1, {{.*}}input_km = true{{.*}}weights_kn = true
// CHECK: "hwacc.gemm"(%arg0, %arg2, {{.*}}input_km = true{{.*}}weights_kn = false
// CHECK-DAG: tensor.collapse_shape %arg3 {{\[\[}}0, 1], [2]] : tensor<2x6x4xi8> into tensor<12x4xi8>
// CHECK-DAG: tensor.collapse_shape %arg4 {{\[\[}}0, 1], [2]] : tensor<2x6x5xi8> into tensor<12x5xi8>
// CHECK: "hwacc.gemm"({{.*}}input_km = true{{.*}}weights_kn = true{{.*}} -> tensor<4x5xi32>
#km = affine_map<(m, n, k) -> (k, m)>
#kn = affine_map<(m, n, k) -> (k, n)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#bkm = affine_map<(b, m, n, k) -> (b, k, m)>
#bkn = affine_map<(b, m, n, k) -> (b, k, n)>
#out = affine_map<(b, m, n, k) -> (m, n)>
func.func @transposed(%a: tensor<6x4xi8>, %b: tensor<6x5xi8>, %c: tensor<5x6xi8>, %d: tensor<2x6x4xi8>, %e: tensor<2x6x5xi8>)
    -> (tensor<4x5xi32>, tensor<4x5xi32>, tensor<4x5xi32>) {
  %zero = arith.constant dense<0> : tensor<4x5xi32>
  %0 = linalg.matmul indexing_maps = [#km, #kn, #mn] ins(%a, %b : tensor<6x4xi8>, tensor<6x5xi8>) outs(%zero : tensor<4x5xi32>) -> tensor<4x5xi32>
  %1 = linalg.contract indexing_maps = [#km, #nk, #mn] ins(%a, %c : tensor<6x4xi8>, tensor<5x6xi8>) outs(%zero : tensor<4x5xi32>) -> tensor<4x5xi32>
  %2 = linalg.batch_reduce_matmul indexing_maps = [#bkm, #bkn, #out] ins(%d, %e : tensor<2x6x4xi8>, tensor<2x6x5xi8>)
      outs(%zero : tensor<4x5xi32>) -> tensor<4x5xi32>
  return %0, %1, %2 : tensor<4x5xi32>, tensor<4x5xi32>, tensor<4x5xi32>
}

// -----

// A vector is a matrix of one row, or of one column; a dot product has one of each.
// CHECK-LABEL: @vectors
// CHECK: "hwacc.gemm"({{.*}} -> tensor<4x1xi32>
// CHECK: "hwacc.gemm"({{.*}} -> tensor<1x5xi32>
// CHECK: "hwacc.gemm"({{.*}} -> tensor<1x1xi32>
// CHECK: tensor.collapse_shape {{.*}} [] : tensor<1x1xi32> into tensor<i32>
func.func @vectors(%a: tensor<4x6xi8>, %b: tensor<6x5xi8>, %v: tensor<6xi8>) -> (tensor<4xi32>, tensor<5xi32>, tensor<i32>) {
  %z4 = arith.constant dense<0> : tensor<4xi32>
  %z5 = arith.constant dense<0> : tensor<5xi32>
  %z = arith.constant dense<0> : tensor<i32>
  %0 = linalg.matvec ins(%a, %v : tensor<4x6xi8>, tensor<6xi8>) outs(%z4 : tensor<4xi32>) -> tensor<4xi32>
  %1 = linalg.vecmat ins(%v, %b : tensor<6xi8>, tensor<6x5xi8>) outs(%z5 : tensor<5xi32>) -> tensor<5xi32>
  %2 = linalg.dot ins(%v, %v : tensor<6xi8>, tensor<6xi8>) outs(%z : tensor<i32>) -> tensor<i32>
  return %0, %1, %2 : tensor<4xi32>, tensor<5xi32>, tensor<i32>
}

// -----

// NCHW and groups: the picture is transposed, its padding stays an attribute, and the constant weights are rearranged here.
// CHECK-LABEL: @channels_first
// CHECK: %[[W:.*]] = arith.constant dense<{{.*}}> : tensor<4x1x2x3xi8>
// CHECK: %[[X:.*]] = linalg.transpose ins(%arg0 : tensor<1x2x3x5x6xi8>) {{.*}} permutation = [0, 3, 4, 1, 2]
// CHECK: %[[X4:.*]] = tensor.collapse_shape %[[X]] {{.*}} into tensor<1x5x6x6xi8>
// CHECK: %[[B:.*]] = arith.constant dense<[1, 2, 3, 4]> : tensor<4xi32>
// CHECK: "hwacc.conv2d"(%[[X4]], %[[W]], %[[B]])
// CHECK-SAME: pad_value = 7 : i32, padding = array<i64: 0, 1, 2, 0>
// CHECK-SAME: -> tensor<1x6x7x4xi32>
func.func @channels_first(%x: tensor<1x2x3x5x6xi8>) -> tensor<1x2x2x6x7xi32> {
  %w = arith.constant dense<[[[[[1, 2]], [[3, 4]], [[5, 6]]], [[[7, 8]], [[9, 10]], [[11, 12]]]],
      [[[[-1, -2]], [[-3, -4]], [[-5, -6]]], [[[-7, -8]], [[-9, -10]], [[-11, -12]]]]]> : tensor<2x2x3x1x2xi8>
  %bias = arith.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi32>
  %pad = arith.constant 7 : i8
  %padded = tensor.pad %x low[0, 0, 0, 0, 2] high[0, 0, 0, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index, %e: index):
    tensor.yield %pad : i8
  } : tensor<1x2x3x5x6xi8> to tensor<1x2x3x6x8xi8>
  %empty = tensor.empty() : tensor<1x2x2x6x7xi32>
  %init = linalg.broadcast ins(%bias : tensor<2x2xi32>) outs(%empty : tensor<1x2x2x6x7xi32>) dimensions = [0, 3, 4]
  %y = linalg.conv_2d_ngchw_gfchw {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%padded, %w : tensor<1x2x3x6x8xi8>, tensor<2x2x3x1x2xi8>) outs(%init : tensor<1x2x2x6x7xi32>) -> tensor<1x2x2x6x7xi32>
  return %y : tensor<1x2x2x6x7xi32>
}

// -----

// What a product adds to, if it is no bias, is added behind it; zero points that no bias can take are sums of the operands.
// CHECK-LABEL: @behind
// CHECK: "hwacc.gemm"(%arg0, %arg1
// CHECK: arith.addi
// CHECK: "hwacc.gemm"(%arg0, %arg1, {{.*}}input_zero_point = 0 : i32
// CHECK: linalg.generic {{.*}} iterator_types = ["reduction", "parallel"]} ins(%arg1
// CHECK: arith.subi
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]} ins(%arg0
// CHECK: arith.subi
// CHECK: arith.addi
func.func @behind(%a: tensor<4x6xi8>, %b: tensor<6x5xi8>, %m: tensor<4x5xi32>) -> (tensor<4x5xi32>, tensor<4x5xi32>) {
  %c3 = arith.constant 3 : i32
  %c9 = arith.constant 9 : i32
  %zero = arith.constant dense<0> : tensor<4x5xi32>
  %0 = linalg.matmul ins(%a, %b : tensor<4x6xi8>, tensor<6x5xi8>) outs(%m : tensor<4x5xi32>) -> tensor<4x5xi32>
  %1 = linalg.quantized_matmul ins(%a, %b, %c3, %c9 : tensor<4x6xi8>, tensor<6x5xi8>, i32, i32) outs(%zero : tensor<4x5xi32>) -> tensor<4x5xi32>
  return %0, %1 : tensor<4x5xi32>, tensor<4x5xi32>
}

// -----

// Operands that are widened before, less a zero point, are int8; so is an int32 constant whose elements fit.
// CHECK-LABEL: @widened
// CHECK: %[[W:.*]] = arith.constant dense<{{.*}}> : tensor<2x3xi8>
// CHECK: "hwacc.gemm"(%arg0, %[[W]], {{.*}}input_zero_point = 5 : i32
// CHECK: linalg.matmul {hwacc.reason = "multiplies i8 by i32 into i32; the array multiplies i8 by i8 into i32"}
#all = affine_map<(d0, d1) -> (d0, d1)>
func.func @widened(%x: tensor<4x2xi8>) -> (tensor<4x3xi32>, tensor<4x3xi32>) {
  %c5 = arith.constant 5 : i32
  %w = arith.constant dense<[[1, -128, 127], [4, 5, 6]]> : tensor<2x3xi32>
  %large = arith.constant dense<[[1, -129, 127], [4, 5, 6]]> : tensor<2x3xi32>
  %zero = arith.constant dense<0> : tensor<4x3xi32>
  %e = tensor.empty() : tensor<4x2xi32>
  %wide = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x2xi8>) outs(%e : tensor<4x2xi32>) {
  ^bb0(%in: i8, %out: i32):
    %0 = arith.extsi %in : i8 to i32
    %1 = arith.subi %0, %c5 : i32
    linalg.yield %1 : i32
  } -> tensor<4x2xi32>
  %0 = linalg.matmul ins(%wide, %w : tensor<4x2xi32>, tensor<2x3xi32>) outs(%zero : tensor<4x3xi32>) -> tensor<4x3xi32>
  %1 = linalg.matmul ins(%wide, %large : tensor<4x2xi32>, tensor<2x3xi32>) outs(%zero : tensor<4x3xi32>) -> tensor<4x3xi32>
  return %0, %1 : tensor<4x3xi32>, tensor<4x3xi32>
}

// -----

// More that the array does not do, and why.
// CHECK-LABEL: @more_refused
// CHECK: linalg.matmul {cast = #linalg.type_fn<cast_unsigned>, hwacc.reason = "its operands are unsigned; the array multiplies signed int8"}
// CHECK: linalg.conv_3d {hwacc.reason = "a kernel of 3 dimensions; the array reads windows of one or two"}
// CHECK: linalg.quantized_matmul {hwacc.reason = "its zero points are not constant"}
// CHECK: linalg.generic
// CHECK-SAME: hwacc.reason = "it sums one operand alone along a loop"
func.func @more_refused(%a: tensor<4x4xi8>, %x: tensor<5x5x5xi8>, %w: tensor<2x2x2xi8>, %z: i32)
    -> (tensor<4x4xi32>, tensor<4x4x4xi32>, tensor<4x4xi32>, tensor<4xi32>) {
  %zero = arith.constant dense<0> : tensor<4x4xi32>
  %zero3 = arith.constant dense<0> : tensor<4x4x4xi32>
  %zero1 = arith.constant dense<0> : tensor<4xi32>
  %0 = linalg.matmul {cast = #linalg.type_fn<cast_unsigned>} ins(%a, %a : tensor<4x4xi8>, tensor<4x4xi8>) outs(%zero : tensor<4x4xi32>) -> tensor<4x4xi32>
  %1 = linalg.conv_3d ins(%x, %w : tensor<5x5x5xi8>, tensor<2x2x2xi8>) outs(%zero3 : tensor<4x4x4xi32>) -> tensor<4x4x4xi32>
  %2 = linalg.quantized_matmul ins(%a, %a, %z, %z : tensor<4x4xi8>, tensor<4x4xi8>, i32, i32) outs(%zero : tensor<4x4xi32>) -> tensor<4x4xi32>
  %3 = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j)>, affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (i)>],
      iterator_types = ["parallel", "reduction", "reduction"]} ins(%a, %a : tensor<4x4xi8>, tensor<4x4xi8>) outs(%zero1 : tensor<4xi32>) {
  ^bb0(%l: i8, %r: i8, %c: i32):
    %lw = arith.extsi %l : i8 to i32
    %rw = arith.extsi %r : i8 to i32
    %p = arith.muli %lw, %rw : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<4xi32>
  return %0, %1, %2, %3 : tensor<4x4xi32>, tensor<4x4x4xi32>, tensor<4x4xi32>, tensor<4xi32>
}

// -----

// Sizes may be known only at run time; where the number of channels is not known, one zero stands for all of the bias.
// CHECK-LABEL: @sizes_at_run_time
// CHECK: %[[BIAS:.*]] = arith.constant dense<0> : tensor<1xi32>
// CHECK: "hwacc.gemm"(%arg0, %arg1, %[[BIAS]]) {{.*}} (tensor<?x?xi8>, tensor<?x?xi8>, tensor<1xi32>) -> tensor<?x?xi32>
func.func @sizes_at_run_time(%x: tensor<?x?xi8>, %w: tensor<?x?xi8>, %m: index, %n: index) -> tensor<?x?xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty(%m, %n) : tensor<?x?xi32>
  %start = linalg.fill ins(%zero : i32) outs(%empty : tensor<?x?xi32>) -> tensor<?x?xi32>
  %0 = linalg.matmul ins(%x, %w : tensor<?x?xi8>, tensor<?x?xi8>) outs(%start : tensor<?x?xi32>) -> tensor<?x?xi32>
  return %0 : tensor<?x?xi32>
}

// -----

// A batch of unknown size, by weights that are known, has a bias for each channel.
// CHECK-LABEL: @batch_at_run_time
// CHECK: "hwacc.gemm"(%arg0, %{{.*}}, %{{.*}}) {{.*}} (tensor<?x4xi8>, tensor<4x3xi8>, tensor<3xi32>) -> tensor<?x3xi32>
func.func @batch_at_run_time(%x: tensor<?x4xi8>, %m: index) -> tensor<?x3xi32> {
  %w = arith.constant dense<[[1, 2, 3], [4, 5, 6], [7, 8, 9], [-1, -2, -3]]> : tensor<4x3xi8>
  %bias = arith.constant dense<[10, 20, 30]> : tensor<3xi32>
  %empty = tensor.empty(%m) : tensor<?x3xi32>
  %start = linalg.broadcast ins(%bias : tensor<3xi32>) outs(%empty : tensor<?x3xi32>) dimensions = [0]
  %0 = linalg.matmul ins(%x, %w : tensor<?x4xi8>, tensor<4x3xi8>) outs(%start : tensor<?x3xi32>) -> tensor<?x3xi32>
  return %0 : tensor<?x3xi32>
}

// -----

// Nothing is added to channels whose number nobody knows; and of contractions only matrix products may have unknown sizes.
// CHECK-LABEL: @refused_at_run_time
// CHECK: linalg.matmul {hwacc.reason = "what it adds must be 0, for the number of its channels is known only at run time"}
// CHECK: linalg.conv_2d_nhwc_fhwc {hwacc.reason = "has sizes that are known only at run time; of contractions, matrix products may"}
func.func @refused_at_run_time(%x: tensor<?x?xi8>, %w: tensor<?x?xi8>, %m: index, %n: index, %p: tensor<?x4x4x3xi8>, %f: tensor<2x1x1x3xi8>,
                               %s: tensor<?x4x4x2xi32>) -> (tensor<?x?xi32>, tensor<?x4x4x2xi32>) {
  %one = arith.constant 1 : i32
  %empty = tensor.empty(%m, %n) : tensor<?x?xi32>
  %start = linalg.fill ins(%one : i32) outs(%empty : tensor<?x?xi32>) -> tensor<?x?xi32>
  %0 = linalg.matmul ins(%x, %w : tensor<?x?xi8>, tensor<?x?xi8>) outs(%start : tensor<?x?xi32>) -> tensor<?x?xi32>
  %1 = linalg.conv_2d_nhwc_fhwc ins(%p, %f : tensor<?x4x4x3xi8>, tensor<2x1x1x3xi8>) outs(%s : tensor<?x4x4x2xi32>) -> tensor<?x4x4x2xi32>
  return %0, %1 : tensor<?x?xi32>, tensor<?x4x4x2xi32>
}
