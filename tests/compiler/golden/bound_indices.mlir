// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(bound-indices)' | FileCheck %s

// An index that comes from data is bounded by the tensor's size; one that counts positions is left alone, and the assertion goes.
// CHECK-LABEL: @lookup
// CHECK-NOT: cf.assert
// CHECK: %[[I:.*]] = arith.index_cast
// CHECK: %[[LOW:.*]] = arith.maxsi %[[I]], %{{.*}} : index
// CHECK: %[[BOUNDED:.*]] = arith.minsi %[[LOW]], %{{.*}} : index
// CHECK: tensor.extract %arg1[%[[BOUNDED]], %{{[0-9]+}}]
func.func @lookup(%ids: tensor<5xi64>, %table: tensor<7x3xf32>) -> tensor<5x3xf32> {
  %e = tensor.empty() : tensor<5x3xf32>
  %c7 = arith.constant 7 : index
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<5xi64>) outs(%e : tensor<5x3xf32>) {
  ^bb0(%id: i64, %out: f32):
    %i = arith.index_cast %id : i64 to index
    %ok = arith.cmpi slt, %i, %c7 : index
    cf.assert %ok, "index out of range"
    %j = linalg.index 1 : index
    %x = tensor.extract %table[%i, %j] : tensor<7x3xf32>
    linalg.yield %x : f32
  } -> tensor<5x3xf32>
  return %0 : tensor<5x3xf32>
}

// -----

// Positions need no bounds.
// CHECK-LABEL: @reversed
// CHECK-NOT: arith.maxsi
// CHECK: tensor.extract
func.func @reversed(%table: tensor<7xf32>) -> tensor<7xf32> {
  %e = tensor.empty() : tensor<7xf32>
  %c6 = arith.constant 6 : index
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%e : tensor<7xf32>) {
  ^bb0(%out: f32):
    %i = linalg.index 0 : index
    %j = arith.subi %c6, %i : index
    %x = tensor.extract %table[%j] : tensor<7xf32>
    linalg.yield %x : f32
  } -> tensor<7xf32>
  return %0 : tensor<7xf32>
}

// -----

// The last index of a table whose size is known only at run time is found then.
// CHECK-LABEL: @of_unknown_size
// CHECK: %[[SIZE:.*]] = tensor.dim %arg1
// CHECK: %[[LAST:.*]] = arith.subi %[[SIZE]]
// CHECK: %[[BOUNDED:.*]] = arith.minsi %{{.*}}, %[[LAST]] : index
// CHECK: tensor.extract %arg1[%[[BOUNDED]]]
func.func @of_unknown_size(%ids: tensor<5xi64>, %table: tensor<?xf32>) -> tensor<5xf32> {
  %e = tensor.empty() : tensor<5xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%ids : tensor<5xi64>) outs(%e : tensor<5xf32>) {
  ^bb0(%id: i64, %out: f32):
    %i = arith.index_cast %id : i64 to index
    %x = tensor.extract %table[%i] : tensor<?xf32>
    linalg.yield %x : f32
  } -> tensor<5xf32>
  return %0 : tensor<5xf32>
}
