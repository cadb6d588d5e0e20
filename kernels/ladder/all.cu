#include "all.cuh"
#include "program.cuh"

/// For nvcc, which compiles every rung here: ./dev kernel compiles each alone.
