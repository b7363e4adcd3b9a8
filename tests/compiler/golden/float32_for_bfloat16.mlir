// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(float32-for-bfloat16,canonicalize)' | FileCheck %s

// Tensors are float32, and arithmetic is bfloat16, rounded before and after; a constant is extended.
// CHECK-LABEL: func.func @square(%arg0: tensor<4xf32>) -> tensor<4xf32>
// CHECK: %[[C:.*]] = arith.constant dense<[1.500000e+00, -2.000000e+00, {{3.1406[0-9e+]*}}, 2.500000e-01]> : tensor<4xf32>
// CHECK: linalg.generic {{.*}} ins(%arg0, %[[C]] : tensor<4xf32>, tensor<4xf32>)
// CHECK: ^bb0(%[[X:.*]]: f32, %[[Y:.*]]: f32, %{{.*}}: f32):
// CHECK: %[[A:.*]] = arith.truncf %[[X]] : f32 to bf16
// CHECK: %[[B:.*]] = arith.truncf %[[Y]] : f32 to bf16
// CHECK: %[[P:.*]] = arith.mulf %[[A]], %[[B]] : bf16
// CHECK: %[[W:.*]] = arith.extf %[[P]] : bf16 to f32
// CHECK: linalg.yield %[[W]] : f32
func.func @square(%x: tensor<4xbf16>) -> tensor<4xbf16> {
  %c = arith.constant dense<[1.5, -2.0, 3.14159, 0.25]> : tensor<4xbf16>
  %e = tensor.empty() : tensor<4xbf16>
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x, %c : tensor<4xbf16>, tensor<4xbf16>) outs(%e : tensor<4xbf16>) {
  ^bb0(%a: bf16, %b: bf16, %out: bf16):
    %p = arith.mulf %a, %b : bf16
    linalg.yield %p : bf16
  } -> tensor<4xbf16>
  return %0 : tensor<4xbf16>
}

// -----

// A product that accumulates in float32 takes float32, as do padding and filling.
// CHECK-LABEL: @product
// CHECK: tensor.pad
// CHECK: tensor.yield %{{.*}} : f32
// CHECK: linalg.matmul ins(%{{.*}}, %{{.*}} : tensor<2x4xf32>, tensor<4x2xf32>) outs(%{{.*}} : tensor<2x2xf32>)
func.func @product(%x: tensor<2x3xbf16>, %s: bf16, %o: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %e = tensor.empty() : tensor<4x2xbf16>
  %w = linalg.fill ins(%s : bf16) outs(%e : tensor<4x2xbf16>) -> tensor<4x2xbf16>
  %p = tensor.pad %x low[0, 0] high[0, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %s : bf16
  } : tensor<2x3xbf16> to tensor<2x4xbf16>
  %0 = linalg.matmul ins(%p, %w : tensor<2x4xbf16>, tensor<4x2xbf16>) outs(%o : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}
