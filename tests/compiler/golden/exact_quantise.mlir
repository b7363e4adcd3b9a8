// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(exact-quantise)' | FileCheck %s

// A marked sequence becomes division, rounding away from zero, saturation.
// CHECK-LABEL: @quantise
// CHECK: linalg.generic
// CHECK-SAME: ins(%arg0 : tensor<2x3xf32>)
// CHECK: %[[SCALE:.*]] = arith.constant 1.000000e-01 : f32
// CHECK-NEXT: %[[Q:.*]] = arith.divf %{{.*}}, %[[SCALE]]
// CHECK-NEXT: %[[R:.*]] = math.round %[[Q]]
// CHECK-NEXT: %[[LOW:.*]] = arith.constant -2.110000e+02
// CHECK-NEXT: %[[A:.*]] = arith.maxnumf %[[R]], %[[LOW]]
// CHECK-NEXT: %[[HIGH:.*]] = arith.constant 4.400000e+01
// CHECK-NEXT: %[[B:.*]] = arith.minnumf %[[A]], %[[HIGH]]
// CHECK: %[[I:.*]] = arith.fptosi %[[B]] : f32 to i32
// CHECK: %[[S:.*]] = arith.addi %[[I]]
// CHECK-NEXT: arith.trunci %[[S]] : i32 to i8
func.func @quantise(%x: tensor<2x3xf32>) -> tensor<2x3xi8> {
  %reciprocal = "tosa.const"() <{values = dense<10.0> : tensor<1x1xf32>}> : () -> tensor<1x1xf32> loc("q")
  %shift = "tosa.const"() <{values = dense<0> : tensor<1xi8>}> : () -> tensor<1xi8>
  %point = "tosa.const"() <{values = dense<83> : tensor<1x1xi32>}> : () -> tensor<1x1xi32> loc("q")
  %1 = tosa.mul %x, %reciprocal, %shift : (tensor<2x3xf32>, tensor<1x1xf32>, tensor<1xi8>) -> tensor<2x3xf32> loc("q")
  %2 = tosa.cast %1 : (tensor<2x3xf32>) -> tensor<2x3xi32> loc("q")
  %3 = tosa.add %2, %point : (tensor<2x3xi32>, tensor<1x1xi32>) -> tensor<2x3xi32> loc("q")
  %4 = tosa.cast %3 {hwacc.scale = 0.1 : f32, hwacc.zero_point = 83 : i32} : (tensor<2x3xi32>) -> tensor<2x3xi8> loc("q")
  return %4 : tensor<2x3xi8>
}

// -----

// The sequence ends where another layer's name begins: that layer's product is the input.
// CHECK-LABEL: @scale_of_one
// CHECK: %[[PRODUCT:.*]] = tosa.mul
// CHECK: linalg.generic
// CHECK-SAME: ins(%[[PRODUCT]] : tensor<2x3xf32>)
func.func @scale_of_one(%x: tensor<2x3xf32>, %y: tensor<2x3xf32>) -> tensor<2x3xi8> {
  %shift = "tosa.const"() <{values = dense<0> : tensor<1xi8>}> : () -> tensor<1xi8>
  %point = "tosa.const"() <{values = dense<-7> : tensor<1x1xi32>}> : () -> tensor<1x1xi32> loc("q")
  %1 = tosa.mul %x, %y, %shift : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<1xi8>) -> tensor<2x3xf32> loc("layer")
  %2 = tosa.cast %1 : (tensor<2x3xf32>) -> tensor<2x3xi32> loc("q")
  %3 = tosa.add %2, %point : (tensor<2x3xi32>, tensor<1x1xi32>) -> tensor<2x3xi32> loc("q")
  %4 = tosa.cast %3 {hwacc.scale = 1.0 : f32, hwacc.zero_point = -7 : i32} : (tensor<2x3xi32>) -> tensor<2x3xi8> loc("q")
  return %4 : tensor<2x3xi8>
}

// -----

// A cast that nobody marked stays.
// CHECK-LABEL: @plain
// CHECK: tosa.cast
// CHECK-NOT: linalg.generic
func.func @plain(%x: tensor<2xi32>) -> tensor<2xi8> {
  %0 = tosa.cast %x : (tensor<2xi32>) -> tensor<2xi8> loc("q")
  return %0 : tensor<2xi8>
}
