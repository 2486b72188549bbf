#!/usr/bin/env bash
# Matrix product, sizes of BERT layers, three orientations, one and two threads, beside oneDNN's.
exec build-bench/bench/bench_gemm "$@"
