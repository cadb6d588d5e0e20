"""Records a torch model: what goes into and comes out of every module while it runs, as one
safetensors file that `latent parity` compares other networks with. In a script of your own:

    from record import record

    with record(model, "ref.safetensors"):      # or: rec = record(model)
        model(x)                                #     model(x)
                                                #     rec.save("ref.safetensors")

As a command (one line each):

    python record.py --class AutoencoderTiny --model taesd/ --call decode --input latents.npy
        -o ref.safetensors
    python record.py --class diffusers:AutoencoderKL --model org/name --call encode
        --shape 1,3,64,64 --double -o ref.safetensors
    python record.py --class my_module:make_model --input x=x.npy --keyword scale=0.5
        -o ref.safetensors

It needs torch alone: numpy for inputs from .npy, safetensors for those from .safetensors.

Tensors in the file. PATH is the module's place, `decoder.conv_in`; the model itself is "", or
what `prefix` says. Of a module that is called more than once, NAME is `PATH#0`, `PATH#1` ...,
else it is PATH.

    NAME                the output, or the first tensor in it
    NAME:output.1       further ones, by place or key: NAME:output.hidden_states.0
    NAME:input          the first argument, or the first tensor in it
    NAME:input.1        further ones, by place or keyword: NAME:input.temb
    parameter:KEY       the parameters and buffers of what ran, by their keys in the state_dict

Everything is copied when it is seen, so operations in place do no harm, into a temporary file:
memory holds one tensor at a time. An input that has the bits of an earlier tensor is not stored
again, and so shows from where it came. Beside the tensors stand, as JSON text, `order` (the
outputs as they were made), `modules` (classes, settings, parameters), `aliases` (inputs, and
whose bits they have), `not_stored` (what is no tensor) and `versions`.

Record before torch.compile, which leaves no modules to listen to.
"""

import argparse
import ctypes
import hashlib
import importlib
import inspect
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path

import torch
from torch import nn

DTYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8",
    torch.uint8: "U8", torch.bool: "BOOL", torch.complex64: "C64",
}
for _name, _dtype in {
    "uint16": "U16", "uint32": "U32", "uint64": "U64",
    "float8_e4m3fn": "F8_E4M3", "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2": "F8_E5M2", "float8_e5m2fnuz": "F8_E5M2FNUZ",
}.items():
    if hasattr(torch, _name):
        DTYPES[getattr(torch, _name)] = _dtype

# --- What a module is -----------------------------------------------------------------------


def pair(value):
    return list(value) if isinstance(value, (tuple, list)) else [value, value]


def conv2d_settings(conv):
    if conv.padding_mode != "zeros":
        return {}
    # "same" and "valid" are resolved here: left, right, top, bottom.
    left, right, top, bottom = conv._reversed_padding_repeated_twice
    settings = {
        "in_channels": conv.in_channels, "out_channels": conv.out_channels,
        "kernel_size": pair(conv.kernel_size), "stride": pair(conv.stride),
        "padding": [top, bottom, left, right],
    }
    if pair(conv.dilation) != [1, 1]:
        settings["dilation"] = pair(conv.dilation)
    if conv.groups != 1:
        settings["groups"] = conv.groups
    return settings


def upsample_settings(upsample):
    modes = {"nearest": 0, "bilinear": 1, "bicubic": 2}
    if upsample.mode not in modes or upsample.scale_factor is None or upsample.align_corners:
        return {}
    return {"scale_factor": upsample.scale_factor, "mode": modes[upsample.mode]}


SETTINGS = {
    nn.Conv2d: conv2d_settings,
    nn.GroupNorm: lambda m: {
        "num_groups": m.num_groups, "num_channels": m.num_channels, "eps": m.eps,
    },
    nn.LayerNorm: lambda m: {"normalized_shape": list(m.normalized_shape), "eps": m.eps},
    nn.Linear: lambda m: {"in_features": m.in_features, "out_features": m.out_features},
    nn.Embedding: lambda m: {
        "num_embeddings": m.num_embeddings, "embedding_dim": m.embedding_dim,
    },
    nn.GELU: lambda m: {"tanh": int(m.approximate == "tanh")},
    nn.LeakyReLU: lambda m: {"negative_slope": m.negative_slope},
    nn.Upsample: upsample_settings,
}


def numbers(settings):
    """Every setting as a list of numbers."""
    lists = {}
    for key, value in settings.items():
        values = value if isinstance(value, (tuple, list)) else [value]
        lists[key] = [item if isinstance(item, int) else float(item) for item in values]
    return lists


def torch_class(module):
    """The class of torch's that computes what the module does: its own, or that of which it
    keeps forward(); None for others."""
    for known in SETTINGS:
        if isinstance(module, known) and type(module).forward is known.forward:
            return known
    return None


def class_and_settings(module):
    """torch's names, and diffusers' for its own classes. A class of somebody else that only has
    the name of one of torch's is told by its package; so is diffusers' GELU, which is more."""
    kind, known = type(module), torch_class(module)
    if known:
        return known.__name__, numbers(SETTINGS[known](module))
    name, package = kind.__name__, kind.__module__.split(".")[0]
    if name == "Attention" and package == "diffusers" and hasattr(module, "scale"):
        return name, numbers({"heads": module.heads, "scale": module.scale})
    if package != "torch" and (hasattr(nn, name) or name == "Attention"):
        return f"{kind.__module__}.{name}", {}
    return name, {}


def own_tensors(module):
    """What the module itself brings to a state_dict, and the weight that a layer of torch
    computes from something else, as under weight_norm."""
    tensors = dict(module.named_parameters(recurse=False))
    passing = getattr(module, "_non_persistent_buffers_set", ())
    for key, buffer in module.named_buffers(recurse=False):
        if key not in passing:
            tensors[key] = buffer
    if torch_class(module):
        for key in ("weight", "bias"):
            value = getattr(module, key, None)
            if key not in tensors and isinstance(value, torch.Tensor):
                tensors[key] = value
    return tensors


# --- What a value is ------------------------------------------------------------------------


def leaves(value, place="", depth=0):
    """The tensors in a value, and whatever else is in it, each with its place: "1.sample"."""
    if isinstance(value, torch.Tensor) or depth > 16:
        items = None
    elif isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, (tuple, list)):
        items = enumerate(value)
    elif is_dataclass(value) and not isinstance(value, type):
        items = ((item.name, getattr(value, item.name, None)) for item in fields(value))
    else:
        items = None
    if items is None:
        yield place, value
        return
    for key, item in items:
        yield from leaves(item, f"{place}.{key}" if place else str(key), depth + 1)


def in_words(value):
    """What something is that is no tensor, on one short line."""
    if value is None or isinstance(value, (bool, int, float, str)):
        text = repr(value)
        return text if len(text) <= 60 else text[:57] + "..."
    return type(value).__name__


def one_line(problem):
    return (str(problem).splitlines() or [type(problem).__name__])[0]


def first_parameter(module):
    """The name of forward()'s first parameter, by which it may be given, too."""
    try:
        names = list(inspect.signature(module.forward).parameters.values())
    except (TypeError, ValueError):
        return None
    if names and names[0].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
        return names[0].name
    return None


def dense(tensor):
    """The tensor on the processor, its elements in order; perhaps the tensor itself. Raises
    TypeError where no file could hold it."""
    if tensor.dtype not in DTYPES:
        raise TypeError(f"a tensor of {tensor.dtype}")
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_nested:
        raise TypeError("a tensor that is not dense")
    if tensor.device.type == "meta":
        raise TypeError("a tensor without values")
    with torch.no_grad():
        tensor = tensor.detach().resolve_conj().resolve_neg().to("cpu").contiguous()
    if tensor.numel() > 0 and tensor.data_ptr() == 0:
        raise TypeError(f"a {type(tensor).__name__}, whose values are elsewhere")
    return tensor


def view_bytes(tensor):
    """The bytes of a dense tensor, in place."""
    count = tensor.numel() * tensor.element_size()
    return (ctypes.c_char * count).from_address(tensor.data_ptr()) if count else b""


# --- The recorder ---------------------------------------------------------------------------


@dataclass
class Call:
    """A call that has not returned yet."""

    module: object
    path: str
    number: int
    turns: dict = field(default_factory=dict)  # how often it called what has several places


@dataclass(eq=False)
class Kept:
    """A tensor that was seen: of which call, and what of it: "", ":input", ":output.1"."""

    path: str
    call: int
    what: str
    dtype: str = ""
    shape: tuple = ()
    begin: int = 0  # in the temporary file
    size: int = 0
    twin: object = None  # an earlier one that has the same bits


class Recorder:
    """Listens to a model from its construction to stop(), save() or the end of its `with`
    block. An exception in the block goes through, and writes no file."""

    def __init__(self, model, path=None, *, prefix="", inputs=True, parameters=True):
        self.path, self.keep_inputs, self.keep_parameters = path, inputs, parameters
        self.kept, self.calls, self.not_stored, self.by_bits = [], {}, [], {}
        self.modules, self.held, self.firsts = {}, {}, {}
        self.running = [Call(None, None, 0)]
        folder = Path(path).absolute().parent if path else None
        self.file = tempfile.TemporaryFile(dir=folder)
        self.end = 0
        self.hooks = []
        self.versions = versions(model)
        self.places = {}  # of each module, which may have several
        for name, module in model.named_modules(remove_duplicate=False):
            place = ".".join(part for part in (prefix, name) if part)
            self.places.setdefault(module, []).append(place)
        for module, places in self.places.items():
            try:
                self.hooks += [
                    module.register_forward_pre_hook(self.enter, with_kwargs=True),
                    module.register_forward_hook(self.leave, with_kwargs=True),
                ]
            except Exception as problem:  # compiled modules take no hooks
                self.not_stored.append(f"{places[0]}: no hook ({one_line(problem)})")

    def place(self, module):
        """The path by which a module is called now. Of one that has several it is that below
        the module which is running, in turn where it is there more than once: nn.Sequential
        may hold one activation in many places."""
        places = self.places[module]
        if len(places) == 1:
            return places[0]
        for call in reversed(self.running):
            below = [p for p in places if not call.path or p.startswith(call.path + ".")]
            if below:
                turn = call.turns.get(module, 0)
                call.turns[module] = turn + 1
                return below[turn % len(below)]
        return places[0]

    def enter(self, module, args, kwargs):
        path = self.place(module)
        call = self.calls.get(path, 0)
        self.calls[path] = call + 1
        self.running.append(Call(module, path, call))
        if call == 0:
            self.describe(module, path)
        if not self.keep_inputs:
            return
        places = {str(i): value for i, value in enumerate(args)}
        if not args and path not in self.firsts:
            self.firsts[path] = first_parameter(module)
        first = "0" if args else self.firsts[path]
        for key, value in {**places, **kwargs}.items():
            for number, (place, leaf) in enumerate(leaves(value, key)):
                what = ":input" if key == first and number == 0 else f":input.{place}"
                self.keep(path, call, what, leaf)

    def leave(self, module, _args, _kwargs, output):
        # Calls that ended in an exception, which somebody caught, never left.
        while self.running[-1].module not in (module, None):
            self.running.pop()
        if self.running[-1].module is None:
            return
        ended = self.running.pop()
        path, call = ended.path, ended.number
        first = True
        for place, leaf in leaves(output):
            is_tensor = isinstance(leaf, torch.Tensor)
            what = "" if first and is_tensor else f":output.{place}" if place else ":output"
            self.keep(path, call, what, leaf)
            first = first and not is_tensor

    def keep(self, path, call, what, value):
        entry = Kept(path, call, what)
        if not isinstance(value, torch.Tensor):
            self.not_stored.append((entry, in_words(value)))
            return
        try:
            tensor = dense(value)
            data = view_bytes(tensor)
        except Exception as problem:  # nothing that is recorded may end the run
            self.not_stored.append((entry, one_line(problem)))
            return
        entry.dtype, entry.shape = DTYPES[tensor.dtype], tuple(tensor.shape)
        entry.size = tensor.numel() * tensor.element_size()
        bits = hashlib.blake2b(f"{entry.dtype} {entry.shape}".encode())
        bits.update(data)
        same = self.by_bits.setdefault(bits.digest(), entry)
        if same is not entry:
            entry.begin = same.begin
            if what.startswith(":input"):
                entry.twin = same
        else:
            entry.begin = self.end
            self.file.write(data)
            self.end += entry.size
        self.kept.append(entry)

    def describe(self, module, path):
        """What the module and those below it are, as it runs for the first time: some, as
        nn.MultiheadAttention's out_proj, only lend their parameters."""
        for name, child in module.named_modules():
            place = ".".join(part for part in (path, name) if part)
            if name and place in self.modules:
                continue
            kind, settings = class_and_settings(child)
            own = own_tensors(child)
            keys = {f"{place}.{key}" if place else key: value for key, value in own.items()}
            self.modules[place] = {
                "class": kind, "settings": settings, "parameters": list(keys),
            }
            if self.keep_parameters:
                # Held, not copied: another dtype or device of the model does not touch them.
                self.held.update((key, value.detach()) for key, value in keys.items())

    def stop(self):
        for hook in self.hooks:
            hook.remove()
        self.hooks = []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stop()
        if kind is None and self.path is not None:
            self.save(self.path)

    def name(self, entry):
        numbered = f"#{entry.call}" if self.calls[entry.path] > 1 else ""
        return entry.path + numbered + entry.what

    def save(self, path):
        """Stops, and writes the file, whole or not at all. Returns self."""
        self.stop()
        if not self.modules:
            raise RuntimeError("record: got no call of any module, expected the model to run")
        tensors, order, aliases, lost = {}, [], {}, []
        for note in self.not_stored:
            lost.append(note if isinstance(note, str) else f"{self.name(note[0])}: {note[1]}")
        for entry in self.kept:
            name = self.name(entry)
            if name in tensors or name in aliases:  # modules whose names look like ours
                lost.append(f"{name}: a second one of that name")
            elif entry.twin is not None:
                aliases[name] = self.name(entry.twin)
            else:
                tensors[name] = (entry.dtype, entry.shape, entry.size, entry.begin)
                if not entry.what:
                    order.append(name)
        self.add_parameters(tensors, aliases, lost)
        texts = {
            "order": order, "modules": self.modules, "aliases": aliases, "not_stored": lost,
            "versions": self.versions,
        }
        metadata = {key: json.dumps(value) for key, value in texts.items()}
        self.write(path, tensors, {"format": "latent recording 1", **metadata})
        self.counts = {"outputs": len(order), "aliases": len(aliases), "not_stored": len(lost)}
        return self

    def add_parameters(self, tensors, aliases, lost):
        """Parameters that are tied are one tensor under several names."""
        seen = {}
        for key, value in self.held.items():
            name = f"parameter:{key}"
            try:
                size = dense(value).numel() * value.element_size()
            except Exception as problem:
                lost.append(f"{name}: {one_line(problem)}")
                continue
            tied = (value.device, value.data_ptr(), value.dtype, value.shape, value.stride())
            if size > 0 and tied in seen:
                aliases[name] = seen[tied]
            else:
                seen[tied] = name
                tensors[name] = (DTYPES[value.dtype], tuple(value.shape), size, value)

    def write(self, path, tensors, metadata):
        # As the reference has it: by falling width, so that every element is aligned.
        width = {name: torch.empty((), dtype=dtype).element_size()
                 for dtype, name in DTYPES.items()}
        in_order = sorted(tensors.items(), key=lambda item: -width[item[1][0]])
        head, position = {"__metadata__": metadata}, 0
        for name, (dtype, shape, size, _) in in_order:
            offsets = [position, position + size]
            head[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": offsets}
            position += size
        text = json.dumps(head, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        path = Path(path)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with open(temporary, "wb") as out:
                out.write(len(text).to_bytes(8, "little") + text)
                for _, (_, _, size, source) in in_order:
                    if isinstance(source, torch.Tensor):
                        source = dense(source)
                        out.write(view_bytes(source))
                    else:
                        self.copy(out, source, size)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    def copy(self, out, begin, size):
        self.file.seek(begin)
        while size > 0:
            piece = self.file.read(min(size, 1 << 24))
            out.write(piece)
            size -= len(piece)
        self.file.seek(self.end)


def record(model, path=None, *, prefix="", inputs=True, parameters=True):
    """Listens to a model; `path` is where the `with` block leaves its file. `prefix` goes in
    front of the paths, `inputs` and `parameters` can be left out."""
    return Recorder(model, path, prefix=prefix, inputs=inputs, parameters=parameters)


def versions(model):
    """What a recording depends on besides the model's weights."""
    found = {"model": type(model).__name__, "python": platform.python_version()}
    for name in ("torch", "diffusers", "transformers", "numpy"):
        if name in sys.modules:
            found[name] = str(getattr(sys.modules[name], "__version__", "unknown"))
    return {**found, "platform": platform.platform()}


# --- The command ----------------------------------------------------------------------------

PRECISIONS = {
    "f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16,
}


def find_class(name):
    """`module:Name`, of an installed module or one in the current folder; or the Name of a
    class of diffusers or transformers."""
    if ":" in name:
        module, name = name.split(":", 1)
        sys.path.insert(0, os.getcwd())
        return getattr(importlib.import_module(module), name)
    for module in ("diffusers", "transformers"):
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            continue
    sys.exit(f"--class: got {name}, expected a class of diffusers or transformers; "
             "any other is module:Name")


def make_model(arguments):
    torch.manual_seed(arguments.seed)
    maker = find_class(arguments.maker)
    options = json.loads(arguments.options)
    if arguments.model is None:
        model = maker(**options)
    else:
        model = getattr(maker, "from_pretrained", maker)(arguments.model, **options)
    model.eval().to(arguments.device)
    precision = "f64" if arguments.double else arguments.dtype
    return model.to(PRECISIONS[precision]) if precision else model


def read_tensor(text):
    """The tensor in FILE, or the one that is called so in FILE:TENSOR."""
    file, tensor = text, None
    if not Path(text).exists() and ":" in text:
        file, tensor = text.rsplit(":", 1)
    if file.endswith(".npy"):
        import numpy

        return torch.from_numpy(numpy.load(file))
    if file.endswith(".safetensors"):
        from safetensors.torch import load_file

        found = load_file(file)
    else:
        found = torch.load(file, weights_only=True)
    if isinstance(found, torch.Tensor):
        return found
    if tensor is None and len(found) != 1:
        sys.exit(f"{file}: got {len(found)} tensors, expected one; name it: {file}:TENSOR")
    return found[tensor] if tensor is not None else next(iter(found.values()))


def call_arguments(arguments, model):
    """The positional and keyword arguments of the call, floats in the model's dtype."""
    weight = next((p for p in model.parameters() if p.is_floating_point()), torch.zeros(()))
    positional, keyword = [], {}
    random = torch.Generator().manual_seed(arguments.seed)

    def give(name, value):
        if isinstance(value, torch.Tensor):
            value = value.to(weight.device)
            value = value.to(weight.dtype) if value.is_floating_point() else value
        positional.append(value) if name is None else keyword.update({name: value})

    for option, text in arguments.given or []:
        name, equals, rest = text.partition("=")
        name, text = (name, rest) if equals and name.isidentifier() else (None, text)
        if option == "--input":
            give(name, read_tensor(text))
        elif option == "--shape":
            give(name, torch.randn([int(n) for n in text.split(",") if n], generator=random))
        else:
            value = json.loads(text)
            give(name, torch.tensor(value) if isinstance(value, list) else value)
    return positional, keyword


class Given(argparse.Action):
    """Keeps the call's arguments in the order in which they were given."""

    def __call__(self, _parser, namespace, value, option=None):
        namespace.given = [*(namespace.given or []), (option, value)]


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="--input, --shape and --keyword are the call's arguments, in their order.",
    )
    parser.add_argument("--class", dest="maker", required=True, metavar="CLASS",
                        help="a class of diffusers or transformers, or module:Name; also a "
                             "function that makes a model")
    parser.add_argument("--model", "--from-pretrained", metavar="FOLDER",
                        help="for from_pretrained() of the class, or for the function; without "
                             "it the class is made anew, with weights of --seed")
    parser.add_argument("--options", default="{}", metavar="JSON",
                        help="keyword arguments for making the model")
    parser.add_argument("--call", default="__call__", metavar="METHOD",
                        help="encode, decode ...; the model itself is called without it")
    for option, metavar, text in (
        ("--input", "[NAME=]FILE[:TENSOR]", "a tensor: .npy, .safetensors, or of torch.save"),
        ("--shape", "[NAME=]1,4,8,8", "a tensor of normal random numbers of --seed"),
        ("--keyword", "[NAME=]JSON", "any other value; a list becomes a tensor"),
    ):
        parser.add_argument(option, action=Given, dest="given", metavar=metavar, help=text)
    parser.add_argument("--dtype", choices=PRECISIONS, help="of the model; else as loaded")
    parser.add_argument("--double", action="store_true", help="the same as --dtype f64")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prefix", default="", help="in front of the modules' paths")
    parser.add_argument("--no-inputs", action="store_true")
    parser.add_argument("--no-parameters", action="store_true")
    parser.add_argument("-o", "--output", required=True, metavar="FILE")
    return parser.parse_args()


def main():
    arguments = parse()
    model = make_model(arguments)
    positional, keyword = call_arguments(arguments, model)
    with torch.no_grad(), record(
        model, arguments.output, prefix=arguments.prefix, inputs=not arguments.no_inputs,
        parameters=not arguments.no_parameters,
    ) as recorder:
        getattr(model, arguments.call)(*positional, **keyword)
    told = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in
                     recorder.counts.items())
    size = Path(arguments.output).stat().st_size
    print(f"wrote {arguments.output}: {told}, {size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
