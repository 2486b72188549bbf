#!/usr/bin/env bash
# The kernels besides the matrix product, one thread, an instruction set at a time.
exec build-bench/bench/bench_kernels "$@"
