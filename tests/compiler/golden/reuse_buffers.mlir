// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(reuse-buffers)' | FileCheck %s

// In a chain each result lies where the last but one did.
// CHECK: func.func @main(%[[X:.*]]: memref<100xi8>, %[[Y:.*]]: memref<100xi8> {hwacc.output})
// CHECK-NEXT: %[[ARENA:.*]] = memref.alloc() {alignment = 64 : i64} : memref<256xi8>
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C128:.*]] = arith.constant 128 : index
// CHECK: %[[A:.*]] = memref.view %[[ARENA]][%[[C0]]][] : memref<256xi8> to memref<100xi8>
// CHECK-NEXT: call @step(%[[X]], %[[A]])
// CHECK-NEXT: %[[B:.*]] = memref.view %[[ARENA]][%[[C128]]][]
// CHECK-NEXT: call @step(%[[A]], %[[B]])
// CHECK-NEXT: %[[C:.*]] = memref.view %[[ARENA]][%[[C0]]][]
// CHECK-NEXT: call @step(%[[B]], %[[C]])
// CHECK-NEXT: call @step(%[[C]], %[[Y]])
// CHECK-NEXT: return
func.func private @step(%a: memref<100xi8>, %b: memref<100xi8> {hwacc.output}) {
  memref.copy %a, %b : memref<100xi8> to memref<100xi8>
  return
}
func.func private @join(%a: memref<100xi8>, %b: memref<100xi8>, %c: memref<100xi8> {hwacc.output}) {
  memref.copy %a, %c : memref<100xi8> to memref<100xi8>
  return
}
func.func @main(%x: memref<100xi8>, %y: memref<100xi8> {hwacc.output}) {
  %a = memref.alloc() : memref<100xi8>
  call @step(%x, %a) : (memref<100xi8>, memref<100xi8>) -> ()
  %b = memref.alloc() : memref<100xi8>
  call @step(%a, %b) : (memref<100xi8>, memref<100xi8>) -> ()
  %c = memref.alloc() : memref<100xi8>
  call @step(%b, %c) : (memref<100xi8>, memref<100xi8>) -> ()
  call @step(%c, %y) : (memref<100xi8>, memref<100xi8>) -> ()
  return
}

// -----

// Branches may run at the same time: nothing of one lies where something of the other does, in whatever order they are listed.
// CHECK: func.func @main
// CHECK-NEXT: memref.alloc() {alignment = 64 : i64} : memref<512xi8>
// CHECK-NOT: memref.alloc
func.func private @step(%a: memref<100xi8>, %b: memref<100xi8> {hwacc.output}) {
  memref.copy %a, %b : memref<100xi8> to memref<100xi8>
  return
}
func.func private @join(%a: memref<100xi8>, %b: memref<100xi8>, %c: memref<100xi8> {hwacc.output}) {
  memref.copy %a, %c : memref<100xi8> to memref<100xi8>
  return
}
func.func @main(%x: memref<100xi8>, %y: memref<100xi8> {hwacc.output}) {
  %a = memref.alloc() : memref<100xi8>
  %b = memref.alloc() : memref<100xi8>
  %c = memref.alloc() : memref<100xi8>
  %d = memref.alloc() : memref<100xi8>
  call @step(%x, %a) : (memref<100xi8>, memref<100xi8>) -> ()
  call @step(%a, %b) : (memref<100xi8>, memref<100xi8>) -> ()
  call @step(%x, %c) : (memref<100xi8>, memref<100xi8>) -> ()
  call @step(%c, %d) : (memref<100xi8>, memref<100xi8>) -> ()
  call @join(%b, %d, %y) : (memref<100xi8>, memref<100xi8>, memref<100xi8>) -> ()
  return
}

// -----

// Behind the branches their memory is free again.
// CHECK: func.func @main
// CHECK-NEXT: memref.alloc() {alignment = 64 : i64} : memref<512xi8>
// CHECK: %[[A:.*]] = memref.view %{{.*}}[%[[PLACE:.*]]][]
// CHECK-NEXT: call @step(%arg0, %[[A]])
// CHECK: %[[E:.*]] = memref.view %{{.*}}[%[[PLACE]]][]
// CHECK-NEXT: call @join(%{{.*}}, %{{.*}}, %[[E]])
// CHECK-NEXT: call @step(%[[E]], %arg1)
func.func private @step(%a: memref<100xi8>, %b: memref<100xi8> {hwacc.output}) {
  memref.copy %a, %b : memref<100xi8> to memref<100xi8>
  return
}
func.func private @join(%a: memref<100xi8>, %b: memref<100xi8>, %c: memref<100xi8> {hwacc.output}) {
  memref.copy %a, %c : memref<100xi8> to memref<100xi8>
  return
}
func.func @main(%x: memref<100xi8>, %y: memref<100xi8> {hwacc.output}) {
  %a = memref.alloc() : memref<100xi8>
  call @step(%x, %a) : (memref<100xi8>, memref<100xi8>) -> ()
  %b = memref.alloc() : memref<100xi8>
  call @step(%a, %b) : (memref<100xi8>, memref<100xi8>) -> ()
  %c = memref.alloc() : memref<100xi8>
  call @step(%x, %c) : (memref<100xi8>, memref<100xi8>) -> ()
  %d = memref.alloc() : memref<100xi8>
  call @step(%c, %d) : (memref<100xi8>, memref<100xi8>) -> ()
  %e = memref.alloc() : memref<100xi8>
  call @join(%b, %d, %e) : (memref<100xi8>, memref<100xi8>, memref<100xi8>) -> ()
  call @step(%e, %y) : (memref<100xi8>, memref<100xi8>) -> ()
  return
}

// -----

// Through a view a task touches the same memory; what another operation uses keeps memory of its own.
// CHECK: func.func @main
// CHECK-NEXT: memref.alloc() {alignment = 64 : i64} : memref<256xi8>
// CHECK: %[[OWN:.*]] = memref.alloc() : memref<100xi8>
// CHECK-NEXT: memref.copy %arg0, %[[OWN]]
// CHECK-NOT: memref.alloc
func.func private @step(%a: memref<100xi8>, %b: memref<100xi8> {hwacc.output}) {
  memref.copy %a, %b : memref<100xi8> to memref<100xi8>
  return
}
func.func private @join(%a: memref<100xi8>, %b: memref<100xi8>, %c: memref<100xi8> {hwacc.output}) {
  memref.copy %a, %c : memref<100xi8> to memref<100xi8>
  return
}
func.func @main(%x: memref<100xi8>, %y: memref<100xi8> {hwacc.output}) {
  %own = memref.alloc() : memref<100xi8>
  memref.copy %x, %own : memref<100xi8> to memref<100xi8>
  %a = memref.alloc() : memref<100xi8>
  call @step(%own, %a) : (memref<100xi8>, memref<100xi8>) -> ()
  %v = memref.expand_shape %a [[0, 1]] output_shape [10, 10] : memref<100xi8> into memref<10x10xi8>
  %w = memref.collapse_shape %v [[0, 1]] : memref<10x10xi8> into memref<100xi8>
  %b = memref.alloc() : memref<100xi8>
  call @step(%w, %b) : (memref<100xi8>, memref<100xi8>) -> ()
  call @step(%b, %y) : (memref<100xi8>, memref<100xi8>) -> ()
  return
}

// -----

// A function that does not say what it writes may write all: its argument is not free for what it gives.
// CHECK: func.func @main
// CHECK-NEXT: memref.alloc() {alignment = 64 : i64} : memref<384xi8>
func.func private @unknown(memref<100xi8>, memref<100xi8>)
func.func @main(%x: memref<100xi8>, %y: memref<100xi8> {hwacc.output}) {
  %a = memref.alloc() : memref<100xi8>
  %b = memref.alloc() : memref<100xi8>
  %c = memref.alloc() : memref<100xi8>
  call @unknown(%x, %a) : (memref<100xi8>, memref<100xi8>) -> ()
  call @unknown(%x, %b) : (memref<100xi8>, memref<100xi8>) -> ()
  call @unknown(%x, %c) : (memref<100xi8>, memref<100xi8>) -> ()
  call @unknown(%a, %y) : (memref<100xi8>, memref<100xi8>) -> ()
  call @unknown(%b, %y) : (memref<100xi8>, memref<100xi8>) -> ()
  call @unknown(%c, %y) : (memref<100xi8>, memref<100xi8>) -> ()
  return
}

// -----

// One allocation stays as it is, and so does a function that is not main.
// CHECK-LABEL: func.func @other
// CHECK-COUNT-2: memref.alloc() : memref<100xi8>
// CHECK-LABEL: func.func @main
// CHECK-NEXT: memref.alloc() : memref<100xi8>
// CHECK-NOT: memref.view
func.func private @step(%a: memref<100xi8>, %b: memref<100xi8> {hwacc.output}) {
  memref.copy %a, %b : memref<100xi8> to memref<100xi8>
  return
}
func.func private @join(%a: memref<100xi8>, %b: memref<100xi8>, %c: memref<100xi8> {hwacc.output}) {
  memref.copy %a, %c : memref<100xi8> to memref<100xi8>
  return
}
func.func @other(%x: memref<100xi8>, %y: memref<100xi8>) {
  %a = memref.alloc() : memref<100xi8>
  %b = memref.alloc() : memref<100xi8>
  call @step(%x, %a) : (memref<100xi8>, memref<100xi8>) -> ()
  call @step(%a, %b) : (memref<100xi8>, memref<100xi8>) -> ()
  call @step(%b, %y) : (memref<100xi8>, memref<100xi8>) -> ()
  return
}
func.func @main(%x: memref<100xi8>, %y: memref<100xi8> {hwacc.output}) {
  %a = memref.alloc() : memref<100xi8>
  call @step(%x, %a) : (memref<100xi8>, memref<100xi8>) -> ()
  call @step(%a, %y) : (memref<100xi8>, memref<100xi8>) -> ()
  return
}

// -----

// What a call inside another operation uses keeps memory of its own: nobody knows when, and whether, that is.
// CHECK-LABEL: func.func @main
// CHECK: %[[OWN:.*]] = memref.alloc() : memref<100xi8>
// CHECK: scf.if
// CHECK-NEXT: call @step(%[[OWN]], %arg1)
func.func private @step(%a: memref<100xi8>, %b: memref<100xi8> {hwacc.output}) {
  memref.copy %a, %b : memref<100xi8> to memref<100xi8>
  return
}
func.func @main(%x: memref<100xi8>, %y: memref<100xi8> {hwacc.output}, %c: i1) {
  %own = memref.alloc() : memref<100xi8>
  call @step(%x, %own) : (memref<100xi8>, memref<100xi8>) -> ()
  %a = memref.alloc() : memref<100xi8>
  call @step(%x, %a) : (memref<100xi8>, memref<100xi8>) -> ()
  %b = memref.alloc() : memref<100xi8>
  call @step(%a, %b) : (memref<100xi8>, memref<100xi8>) -> ()
  scf.if %c {
    func.call @step(%own, %y) : (memref<100xi8>, memref<100xi8>) -> ()
  }
  return
}
