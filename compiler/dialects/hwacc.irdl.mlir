// The hwacc dialect. Stock tools read it: mlir-opt --irdl-file=hwacc.irdl.mlir model.mlir
//
// Tensor level: a convolution or matrix product with everything that the array
// does in one go. What IRDL cannot say (element types, sizes that must agree)
// is the pass verify-hwacc, compiler/transforms/verify_hwacc.py.
//
// The same two on memrefs, conv2d_into and gemm_into, write their result into one
// more operand; the compiler makes them of the others, as it makes this part of the file.
//
// Machine level: one operation for each descriptor of hwacc/isa.py, one
// attribute for each field. An operation with an address takes the buffer that
// the address counts from.

irdl.dialect @hwacc {
  // int8 NHWC `input` by int8 OHWI `weights`, plus int32 [O] `bias`; int32 NHWC, or, with
  // int32 `multiplier` and int8 `shift`, of [1] or [O], int8 NHWC. `padding` is top, bottom, left, right.
  // Where the input has G times the channels of the weights, it is G convolutions, see documentation.py.
  irdl.operation @conv2d {
    %input = irdl.base "!builtin.tensor"
    %weights = irdl.base "!builtin.tensor"
    %bias = irdl.base "!builtin.tensor"
    %multiplier = irdl.base "!builtin.tensor"
    %shift = irdl.base "!builtin.tensor"
    %result = irdl.base "!builtin.tensor"
    %strides = irdl.base "#builtin.dense_array"
    %dilations = irdl.base "#builtin.dense_array"
    %padding = irdl.base "#builtin.dense_array"
    %pad_value = irdl.base "#builtin.integer"
    %input_zero_point = irdl.base "#builtin.integer"
    %double_round = irdl.base "#builtin.integer"
    %zero_point = irdl.base "#builtin.integer"
    %clamp_min = irdl.base "#builtin.integer"
    %clamp_max = irdl.base "#builtin.integer"
    irdl.operands(input: %input, weights: %weights, bias: %bias, multiplier: optional %multiplier, shift: optional %shift)
    irdl.results(result: %result)
    irdl.attributes {
      "strides" = %strides, "dilations" = %dilations, "padding" = %padding, "pad_value" = %pad_value,
      "input_zero_point" = %input_zero_point, "double_round" = %double_round, "zero_point" = %zero_point,
      "clamp_min" = %clamp_min, "clamp_max" = %clamp_max
    }
  }

  // int8 [M, K] or, when `input_km`, [K, M] `input` by int8 `weights`, [N, K] or, when `weights_kn`, [K, N]; the rest as in conv2d.
  // All three with one more dimension in front: a batch of products, with [B * N] channels.
  irdl.operation @gemm {
    %input = irdl.base "!builtin.tensor"
    %weights = irdl.base "!builtin.tensor"
    %bias = irdl.base "!builtin.tensor"
    %multiplier = irdl.base "!builtin.tensor"
    %shift = irdl.base "!builtin.tensor"
    %result = irdl.base "!builtin.tensor"
    %input_km = irdl.base "#builtin.integer"
    %weights_kn = irdl.base "#builtin.integer"
    %input_zero_point = irdl.base "#builtin.integer"
    %double_round = irdl.base "#builtin.integer"
    %zero_point = irdl.base "#builtin.integer"
    %clamp_min = irdl.base "#builtin.integer"
    %clamp_max = irdl.base "#builtin.integer"
    irdl.operands(input: %input, weights: %weights, bias: %bias, multiplier: optional %multiplier, shift: optional %shift)
    irdl.results(result: %result)
    irdl.attributes {
      "input_km" = %input_km, "weights_kn" = %weights_kn, "input_zero_point" = %input_zero_point,
      "double_round" = %double_round, "zero_point" = %zero_point, "clamp_min" = %clamp_min, "clamp_max" = %clamp_max
    }
  }

  // BEGIN of what follows from the above and from hwacc/isa.py; to renew it: python -m hwacc.compiler.dialects.hwacc
  irdl.operation @conv2d_into {
    %input = irdl.base "!builtin.memref"
    %weights = irdl.base "!builtin.memref"
    %bias = irdl.base "!builtin.memref"
    %multiplier = irdl.base "!builtin.memref"
    %shift = irdl.base "!builtin.memref"
    %output = irdl.base "!builtin.memref"
    %strides = irdl.base "#builtin.dense_array"
    %dilations = irdl.base "#builtin.dense_array"
    %padding = irdl.base "#builtin.dense_array"
    %pad_value = irdl.base "#builtin.integer"
    %input_zero_point = irdl.base "#builtin.integer"
    %double_round = irdl.base "#builtin.integer"
    %zero_point = irdl.base "#builtin.integer"
    %clamp_min = irdl.base "#builtin.integer"
    %clamp_max = irdl.base "#builtin.integer"
    irdl.operands(input: %input, weights: %weights, bias: %bias, multiplier: optional %multiplier, shift: optional %shift, output: %output)
    irdl.attributes {
      "strides" = %strides, "dilations" = %dilations, "padding" = %padding, "pad_value" = %pad_value,
      "input_zero_point" = %input_zero_point, "double_round" = %double_round, "zero_point" = %zero_point,
      "clamp_min" = %clamp_min, "clamp_max" = %clamp_max
    }
  }

  irdl.operation @gemm_into {
    %input = irdl.base "!builtin.memref"
    %weights = irdl.base "!builtin.memref"
    %bias = irdl.base "!builtin.memref"
    %multiplier = irdl.base "!builtin.memref"
    %shift = irdl.base "!builtin.memref"
    %output = irdl.base "!builtin.memref"
    %input_km = irdl.base "#builtin.integer"
    %weights_kn = irdl.base "#builtin.integer"
    %input_zero_point = irdl.base "#builtin.integer"
    %double_round = irdl.base "#builtin.integer"
    %zero_point = irdl.base "#builtin.integer"
    %clamp_min = irdl.base "#builtin.integer"
    %clamp_max = irdl.base "#builtin.integer"
    irdl.operands(input: %input, weights: %weights, bias: %bias, multiplier: optional %multiplier, shift: optional %shift, output: %output)
    irdl.attributes {
      "input_km" = %input_km, "weights_kn" = %weights_kn, "input_zero_point" = %input_zero_point,
      "double_round" = %double_round, "zero_point" = %zero_point, "clamp_min" = %clamp_min, "clamp_max" = %clamp_max
    }
  }

  irdl.operation @load {
    %buffer = irdl.base "!builtin.memref"
    irdl.operands(buffer: %buffer)
    %wait_load = irdl.base "#builtin.integer"
    %wait_compute = irdl.base "#builtin.integer"
    %wait_store = irdl.base "#builtin.integer"
    %signal_load = irdl.base "#builtin.integer"
    %signal_compute = irdl.base "#builtin.integer"
    %signal_store = irdl.base "#builtin.integer"
    %address = irdl.base "#builtin.integer"
    %run = irdl.base "#builtin.integer"
    %count1 = irdl.base "#builtin.integer"
    %stride1 = irdl.base "#builtin.integer"
    %local_stride1 = irdl.base "#builtin.integer"
    %count4 = irdl.base "#builtin.integer"
    %stride4 = irdl.base "#builtin.integer"
    %local_stride4 = irdl.base "#builtin.integer"
    %local = irdl.base "#builtin.integer"
    %target = irdl.base "#builtin.integer"
    %signal_each = irdl.base "#builtin.integer"
    %align_start = irdl.base "#builtin.integer"
    %align_end = irdl.base "#builtin.integer"
    %align_between = irdl.base "#builtin.integer"
    %count2 = irdl.base "#builtin.integer"
    %count3 = irdl.base "#builtin.integer"
    %stride2 = irdl.base "#builtin.integer"
    %local_stride2 = irdl.base "#builtin.integer"
    %stride3 = irdl.base "#builtin.integer"
    %local_stride3 = irdl.base "#builtin.integer"
    %pad = irdl.base "#builtin.integer"
    %bounded = irdl.base "#builtin.integer"
    %x0 = irdl.base "#builtin.integer"
    %x_limit = irdl.base "#builtin.integer"
    %y0 = irdl.base "#builtin.integer"
    %y_limit = irdl.base "#builtin.integer"
    %y_step2 = irdl.base "#builtin.integer"
    %y_step4 = irdl.base "#builtin.integer"
    irdl.attributes {
      "wait_load" = %wait_load,
      "wait_compute" = %wait_compute,
      "wait_store" = %wait_store,
      "signal_load" = %signal_load,
      "signal_compute" = %signal_compute,
      "signal_store" = %signal_store,
      "address" = %address,
      "run" = %run,
      "count1" = %count1,
      "stride1" = %stride1,
      "local_stride1" = %local_stride1,
      "count4" = %count4,
      "stride4" = %stride4,
      "local_stride4" = %local_stride4,
      "local" = %local,
      "target" = %target,
      "signal_each" = %signal_each,
      "align_start" = %align_start,
      "align_end" = %align_end,
      "align_between" = %align_between,
      "count2" = %count2,
      "count3" = %count3,
      "stride2" = %stride2,
      "local_stride2" = %local_stride2,
      "stride3" = %stride3,
      "local_stride3" = %local_stride3,
      "pad" = %pad,
      "bounded" = %bounded,
      "x0" = %x0,
      "x_limit" = %x_limit,
      "y0" = %y0,
      "y_limit" = %y_limit,
      "y_step2" = %y_step2,
      "y_step4" = %y_step4
    }
  }

  irdl.operation @compute {
    %wait_load = irdl.base "#builtin.integer"
    %wait_compute = irdl.base "#builtin.integer"
    %wait_store = irdl.base "#builtin.integer"
    %signal_load = irdl.base "#builtin.integer"
    %signal_compute = irdl.base "#builtin.integer"
    %signal_store = irdl.base "#builtin.integer"
    %m = irdl.base "#builtin.integer"
    %n = irdl.base "#builtin.integer"
    %k = irdl.base "#builtin.integer"
    %west = irdl.base "#builtin.integer"
    %west_stride = irdl.base "#builtin.integer"
    %north = irdl.base "#builtin.integer"
    %north_stride = irdl.base "#builtin.integer"
    %acc = irdl.base "#builtin.integer"
    %bias = irdl.base "#builtin.integer"
    %addend = irdl.base "#builtin.integer"
    %west_k_contiguous = irdl.base "#builtin.integer"
    %north_k_contiguous = irdl.base "#builtin.integer"
    %dataflow = irdl.base "#builtin.integer"
    %k_step = irdl.base "#builtin.integer"
    %west_step = irdl.base "#builtin.integer"
    %north_step = irdl.base "#builtin.integer"
    %acc_stride = irdl.base "#builtin.integer"
    irdl.attributes {
      "wait_load" = %wait_load,
      "wait_compute" = %wait_compute,
      "wait_store" = %wait_store,
      "signal_load" = %signal_load,
      "signal_compute" = %signal_compute,
      "signal_store" = %signal_store,
      "m" = %m,
      "n" = %n,
      "k" = %k,
      "west" = %west,
      "west_stride" = %west_stride,
      "north" = %north,
      "north_stride" = %north_stride,
      "acc" = %acc,
      "bias" = %bias,
      "addend" = %addend,
      "west_k_contiguous" = %west_k_contiguous,
      "north_k_contiguous" = %north_k_contiguous,
      "dataflow" = %dataflow,
      "k_step" = %k_step,
      "west_step" = %west_step,
      "north_step" = %north_step,
      "acc_stride" = %acc_stride
    }
  }

  irdl.operation @store {
    %buffer = irdl.base "!builtin.memref"
    irdl.operands(buffer: %buffer)
    %wait_load = irdl.base "#builtin.integer"
    %wait_compute = irdl.base "#builtin.integer"
    %wait_store = irdl.base "#builtin.integer"
    %signal_load = irdl.base "#builtin.integer"
    %signal_compute = irdl.base "#builtin.integer"
    %signal_store = irdl.base "#builtin.integer"
    %address = irdl.base "#builtin.integer"
    %n = irdl.base "#builtin.integer"
    %acc = irdl.base "#builtin.integer"
    %count1 = irdl.base "#builtin.integer"
    %stride1 = irdl.base "#builtin.integer"
    %output = irdl.base "#builtin.integer"
    %per_channel = irdl.base "#builtin.integer"
    %double_round = irdl.base "#builtin.integer"
    %parameters = irdl.base "#builtin.integer"
    %multiplier = irdl.base "#builtin.integer"
    %shift = irdl.base "#builtin.integer"
    %zero_point = irdl.base "#builtin.integer"
    %clamp_min = irdl.base "#builtin.integer"
    %clamp_max = irdl.base "#builtin.integer"
    %acc_stride = irdl.base "#builtin.integer"
    %count2 = irdl.base "#builtin.integer"
    %count3 = irdl.base "#builtin.integer"
    %stride2 = irdl.base "#builtin.integer"
    %stride3 = irdl.base "#builtin.integer"
    irdl.attributes {
      "wait_load" = %wait_load,
      "wait_compute" = %wait_compute,
      "wait_store" = %wait_store,
      "signal_load" = %signal_load,
      "signal_compute" = %signal_compute,
      "signal_store" = %signal_store,
      "address" = %address,
      "n" = %n,
      "acc" = %acc,
      "count1" = %count1,
      "stride1" = %stride1,
      "output" = %output,
      "per_channel" = %per_channel,
      "double_round" = %double_round,
      "parameters" = %parameters,
      "multiplier" = %multiplier,
      "shift" = %shift,
      "zero_point" = %zero_point,
      "clamp_min" = %clamp_min,
      "clamp_max" = %clamp_max,
      "acc_stride" = %acc_stride,
      "count2" = %count2,
      "count3" = %count3,
      "stride2" = %stride2,
      "stride3" = %stride3
    }
  }
  // END of what follows
}
