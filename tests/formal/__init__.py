"""Formal proofs of the hardware: properties in Amaranth, checked by yosys and an SMT solver."""
