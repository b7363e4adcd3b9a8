"""The operations of linalg that are contractions, by the loops along the axes of their operands.

Left, right and result; an axis ``yr`` of the left operand is a pixel's loop and a kernel's.
"""

from __future__ import annotations

PRODUCTS = {
    "linalg.matmul": ("m k", "k n", "m n"),
    "linalg.batch_matmul": ("b m k", "b k n", "b m n"),
    "linalg.batch_reduce_matmul": ("b m k", "b k n", "m n"),
    "linalg.matvec": ("m k", "k", "m"),
    "linalg.vecmat": ("k", "k n", "n"),
    "linalg.batch_matvec": ("b m k", "b k", "b m"),
    "linalg.batch_vecmat": ("b k", "b k n", "b n"),
    "linalg.dot": ("k", "k", ""),
    "linalg.quantized_matmul": ("m k", "k n", "m n"),
    "linalg.quantized_batch_matmul": ("b m k", "b k n", "b m n"),
}
"""Without windows."""

WITH_MAPS = {
    "linalg.matmul": (("m k", "k m"), ("k n", "n k")),
    "linalg.batch_matmul": (("b m k", "b k m"), ("b k n", "b n k")),
    "linalg.batch_reduce_matmul": (("b m k", "b k m"), ("b k n", "b n k")),
}
"""How the operands of those that may say otherwise may lie."""

CONVOLUTIONS = {
    "linalg.conv_1d": ("yr", "r", "y"),
    "linalg.conv_2d": ("yr xs", "r s", "y x"),
    "linalg.conv_1d_nwc_wcf": ("n yr c", "r c f", "n y f"),
    "linalg.conv_1d_ncw_fcw": ("n c yr", "f c r", "n f y"),
    "linalg.conv_2d_nhwc_hwcf": ("n yr xs c", "r s c f", "n y x f"),
    "linalg.conv_2d_nhwc_hwcf_q": ("n yr xs c", "r s c f", "n y x f"),
    "linalg.conv_2d_nhwc_fhwc": ("n yr xs c", "f r s c", "n y x f"),
    "linalg.conv_2d_nhwc_fhwc_q": ("n yr xs c", "f r s c", "n y x f"),
    "linalg.conv_2d_nchw_fchw": ("n c yr xs", "f c r s", "n f y x"),
    "linalg.conv_2d_nchw_fchw_q": ("n c yr xs", "f c r s", "n f y x"),
    "linalg.conv_2d_ngchw_fgchw": ("n g c yr xs", "f g c r s", "n g f y x"),
    "linalg.conv_2d_ngchw_gfchw": ("n g c yr xs", "g f c r s", "n g f y x"),
    "linalg.conv_2d_ngchw_gfchw_q": ("n g c yr xs", "g f c r s", "n g f y x"),
    "linalg.conv_2d_nhwgc_gfhwc": ("n yr xs g c", "g f r s c", "n y x g f"),
    "linalg.conv_2d_nhwgc_gfhwc_q": ("n yr xs g c", "g f r s c", "n y x g f"),
}
"""With windows, and output channels that share their inputs."""

DEPTHWISE = {
    "linalg.depthwise_conv_1d_nwc_wc": ("n yr c", "r c", "n y c"),
    "linalg.depthwise_conv_1d_ncw_cw": ("n c yr", "c r", "n c y"),
    "linalg.depthwise_conv_1d_nwc_wcm": ("n yr c", "r c m", "n y c m"),
    "linalg.depthwise_conv_2d_nhwc_hwc": ("n yr xs c", "r s c", "n y x c"),
    "linalg.depthwise_conv_2d_nchw_chw": ("n c yr xs", "c r s", "n c y x"),
    "linalg.depthwise_conv_2d_nhwc_hwc_q": ("n yr xs c", "r s c", "n y x c"),
    "linalg.depthwise_conv_2d_nhwc_hwcm": ("n yr xs c", "r s c m", "n y x c m"),
    "linalg.depthwise_conv_2d_nhwc_hwcm_q": ("n yr xs c", "r s c m", "n y x c m"),
}
"""Those that the array does not do."""
