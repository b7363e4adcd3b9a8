"""HWACC: an open GEMM accelerator, from the model file to the gates. Start with ``docs/quickstart.md``."""
