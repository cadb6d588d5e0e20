"""One run of another engine: what Latent is measured against, a process of its own.

usage: yardsticks.py ENGINE CASE SIZE INPUT THREADS RUNS OUT [ONNX FILE]
  ENGINE: eager, channels_last, compile (PyTorch), onnxruntime, openvino
  RUNS:   timed runs after a warm-up; 0 times one run without a warm-up
Each engine computes in float32. Prints lines that measure.py reads.
"""

import ctypes
import sys
import time


def memory_kib(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name + ":"))


def trim():
    """Gives back what is free but still held, so that only what is needed counts as held."""
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        pass


def eager(network, x):
    return network, x


def channels_last(network, x):
    """The images' channels side by side in memory: what oneDNN works in by itself."""
    import torch

    return network.to(memory_format=torch.channels_last), x.to(
        memory_format=torch.channels_last)


def compiled(network, x):
    """torch.compile with inductor. Freezing lets it pack the weights for oneDNN beforehand,
    as ONNX Runtime and OpenVINO do; it is faster for it."""
    import torch
    import torch._inductor.config

    torch._inductor.config.freezing = True
    return torch.compile(network), x


def of_pytorch(engine, case, values, shape, threads):
    import torch

    from networks import Side

    torch.set_num_threads(threads)
    x = torch.from_numpy(values.reshape(shape))
    call, x = {"eager": eager, "channels_last": channels_last, "compile": compiled}[engine](
        Side(case), x)
    version = f"PyTorch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"

    def run():
        with torch.inference_mode() if engine != "compile" else torch.no_grad():
            return call(x)

    return run, lambda y: y.contiguous().numpy(), version


def of_onnxruntime(file, values, shape, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        file, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: values.reshape(shape)}
    return (lambda: session.run(None, feed)[0], lambda y: y,
            f"ONNX Runtime {onnxruntime.__version__}")


def of_openvino(file, values, shape, threads):
    import openvino

    core = openvino.Core()
    network = core.compile_model(core.read_model(file), "CPU", {
        "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads})
    request = network.create_infer_request()
    x = openvino.Tensor(values.reshape(shape))
    return (lambda: request.infer({0: x}), lambda y: y[0],
            f"OpenVINO {openvino.get_version().split('-')[0]}")


def report(run, runs):
    """Runs as often as asked and prints the seconds of each timed run, what the process held
    before the first, and the most that it held beyond that. Returns the last result."""
    trim()
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")  # from here on the system counts the peak anew
    before = memory_kib("VmRSS")
    result = run() if runs else None  # the warm-up
    for _ in range(max(runs, 1)):
        result = None
        start = time.perf_counter()
        result = run()
        print(f"seconds {time.perf_counter() - start:.6f}")
    print(f"start_mib {before / 1024:.1f}")
    print(f"mib {(memory_kib('VmHWM') - before) / 1024:.1f}")
    return result


def main():
    import numpy

    from shapes import input_shape

    engine, case, size, given, threads, runs, out, *file = sys.argv[1:]
    values = numpy.fromfile(given, numpy.float32)
    shape = input_shape(case, int(size))
    threads, runs = int(threads), int(runs)
    if engine == "onnxruntime":
        run, numbers, version = of_onnxruntime(file[0], values, shape, threads)
    elif engine == "openvino":
        run, numbers, version = of_openvino(file[0], values, shape, threads)
    else:
        run, numbers, version = of_pytorch(engine, case, values, shape, threads)
    print(f"version {version}")

    if engine == "compile":
        run()  # compiling is a part of its start-up
    numbers(report(run, runs)).tofile(out)


if __name__ == "__main__":
    main()
