"""The CUDA executor: a kernel for each program, compiled for the device at hand."""
