"""Random checkpoints of every format, dtype and stride pattern: make(seed). checkpoints.py
compares what the library reads in them with what others do."""

import argparse
import collections
import io
import json
import math
import pathlib
import random as randomness
import struct
import tempfile
import warnings
import zipfile
from dataclasses import dataclass, field
from unittest import mock

import numpy
import safetensors.torch
import torch
import torch.utils.serialization

warnings.filterwarnings("ignore", category=UserWarning)

# safetensors' dtypes by their bits, and those that others have, too.
BITS = {4: ["F4"], 6: ["F6_E2M3", "F6_E3M2"]}
BITS[8] = ["BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"]
BITS |= {16: ["I16", "U16", "F16", "BF16"], 32: ["I32", "U32", "F32"]}
BITS |= {64: ["C64", "F64", "I64", "U64"]}
BITS = {name: bits for bits, names in BITS.items() for name in names}
TORCH = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E8M0": torch.float8_e8m0fnu,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
    "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
    "I16": torch.int16,
    "U16": torch.uint16,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I32": torch.int32,
    "U32": torch.uint32,
    "F32": torch.float32,
    "C64": torch.complex64,
    "F64": torch.float64,
    "I64": torch.int64,
    "U64": torch.uint64,
}
NAMES = {dtype: name for name, dtype in TORCH.items()}
NUMPY = {"BOOL": "b1", "U8": "u1", "I8": "i1", "I16": "i2", "U16": "u2", "F16": "f2"}
NUMPY |= {"I32": "i4", "U32": "u4", "F32": "f4", "I64": "i8", "U64": "u8", "F64": "f8"}
NUMPY |= {"C64": "c8"}
# torch has no storage class for these: a tensor of them names its dtype, and a legacy file
# cannot hold it.
UNTYPED = {name for name in TORCH if name.startswith("F8")} | {"U16", "U32", "U64"}

PATTERNS = ["dense", "permuted", "strided", "offset", "expanded", "overlapping", "0-d", "empty"]
PATTERNS += ["size 1"]
WORDS = ["conv", "weight", "bias", "layers", "0", "7", "norm1", "to_q", "params", "µ", "名"]
ODD = ["", " ", "..", "../x", "/etc/passwd", "%n%s", "a\nb", 'a"b\\', "\0", "🙂", ".", "x" * 99]


class Marked(torch.Tensor):
    """A tensor of a class of its own."""


@dataclass
class Made:
    """A checkpoint in the making: its files, and what it is about."""

    random: randomness.Random
    small: bool
    stem: str  # how the files' names begin
    kind: str
    main: str = ""  # the file to open
    files: dict = field(default_factory=dict)
    metadata: dict = field(default_factory=dict)  # the strings that must survive
    dtypes: collections.Counter = field(default_factory=collections.Counter)
    patterns: collections.Counter = field(default_factory=collections.Counter)

    def count(self, dtype, pattern):
        self.dtypes[dtype] += 1
        self.patterns[pattern] += 1

    def add(self, endings, data):
        """The only file."""
        self.main = self.stem + self.random.choice(endings)
        self.files[self.main] = data

    def write(self, folder):
        for name, data in self.files.items():
            (folder / name).write_bytes(data)
        return folder / self.main


# --- Values ---------------------------------------------------------------------------------


def raw(tensor):
    """The bytes of a tensor's elements, row-major and little-endian."""
    tensor = tensor.detach().resolve_conj().resolve_neg().as_subclass(torch.Tensor)
    if tensor.numel() == 0:
        return b""
    integers = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    bits = tensor.view(integers[tensor.element_size()])
    return bits.contiguous().numpy().tobytes()


def beside_a_middle(random):
    """A number in the middle between two neighbours of a narrow format, or a little beside."""
    middle = 2 * random.getrandbits(random.choice([8, 11, 24])) + 1
    exponent = random.choice([random.randint(-160, 60), random.randint(-30, 10)])
    aside = 1 + random.choice([-1, 0, 1]) * 2.0**-30
    return random.choice([1, -1]) * middle * aside * 2.0**exponent


def whole_number(random, bits, hard):
    if not hard:
        return random.getrandbits(random.randint(1, bits))
    head = random.getrandbits(random.choice([9, 12, 25])) | 1
    return (head << random.randint(0, 52)) + random.choice([-1, 0, 0, 1])


def values(random, dtype, count):
    """The bytes of `count` elements: any bits (NaNs with payloads among them), or numbers that
    narrower dtypes hold, too, or such as are hard to round."""
    if dtype == "BOOL":
        return bytes(random.getrandbits(1) for _ in range(count))
    how = random.choice(["bits", "bits", "numbers", "hard"])
    if how == "bits" or dtype not in TORCH or dtype == "C64":
        return random.randbytes(count * BITS[dtype] // 8)
    if dtype[0] in "IU":
        bits = BITS[dtype]
        whole = [whole_number(random, bits, how == "hard") % 2**bits for _ in range(count)]
        return b"".join(number.to_bytes(bits // 8, "little") for number in whole)
    if how == "hard":
        numbers = [beside_a_middle(random) for _ in range(count)]
    else:
        scale = 2.0 ** random.randint(-30, 20)
        numbers = [random.uniform(-scale, scale) for _ in range(count)]
    return raw(torch.tensor(numbers, dtype=torch.float64).to(TORCH[dtype]))


def as_torch(dtype, data):
    """The elements in one row."""
    if not data:
        return torch.empty(0, dtype=TORCH[dtype])
    return torch.frombuffer(bytearray(data), dtype=torch.uint8).clone().view(TORCH[dtype])


# --- Shapes and strides ---------------------------------------------------------------------


def random_dims(made):
    random = made.random
    most = 3 if made.small else random.choice([3, 5, 9, 30])
    return [random.randint(1, most) for _ in range(random.randint(1, 3 if most > 5 else 4))]


def row_major(dims):
    strides, step = [], 1
    for dim in reversed(dims):
        strides.insert(0, step)
        step *= max(dim, 1)
    return strides


def random_view(made, pattern):
    """(dims, strides, offset) of that pattern."""
    random = made.random
    dims = random_dims(made)
    offset = random.randint(1, 9) if pattern == "offset" or random.random() < 0.2 else 0
    strides = row_major(dims)
    if pattern == "0-d":
        return [], [], offset
    if pattern == "permuted":
        order = random.sample(range(len(dims)), len(dims))
        packed = row_major([dims[axis] for axis in order])
        strides = [packed[order.index(axis)] for axis in range(len(dims))]
    elif pattern == "strided":
        steps = [random.randint(1, 3) for _ in dims]
        strides = row_major([dim * step for dim, step in zip(dims, steps)])
        strides = [stride * step for stride, step in zip(strides, steps)]
    elif pattern == "expanded":
        for axis in random.sample(range(len(dims)), random.randint(1, len(dims))):
            strides[axis] = 0
            dims[axis] += random.randint(0, 3)
    elif pattern == "overlapping":
        strides = [random.randint(1, 3) for _ in dims]
    elif pattern == "empty":
        dims[random.randrange(len(dims))] = 0
        strides = random.choice([row_major(dims), [random.randint(0, 99) for _ in dims]])
    elif pattern == "size 1":
        for _ in range(random.randint(1, 3)):
            axis = random.randint(0, len(dims))
            dims.insert(axis, 1)
            strides.insert(axis, random.choice([0, 1, random.randint(0, 10**6)]))
    return dims, strides, offset


def reach(dims, strides, offset):
    """How many elements a storage must have."""
    if 0 in dims:
        return offset
    return offset + sum((dim - 1) * stride for dim, stride in zip(dims, strides)) + 1


def random_views(made, dtype, count=1):
    """Tensors that share one storage."""
    random = made.random
    patterns = [random.choice(PATTERNS) for _ in range(count)]
    places = [random_view(made, pattern) for pattern in patterns]
    size = max(reach(*place) for place in places) + random.choice([0, 0, 1, 5])
    flat = as_torch(dtype, values(random, dtype, size))
    for place, pattern in zip(places, patterns):
        tensor = torch.as_strided(flat, *place)
        if dtype == "C64" and random.random() < 0.3:
            # torch keeps a flag beside the numbers as they were.
            tensor, pattern = tensor.conj(), "conjugated"
            if count == 1 and random.random() < 0.5:
                tensor, pattern = tensor.imag, "negated"
        made.count(NAMES[tensor.dtype], pattern)
        yield tensor


# --- Saved objects --------------------------------------------------------------------------


def dressed(random, tensor):
    """The same as a parameter, with a gradient, of a class of its own, or with an attribute."""
    how = random.randrange(8)
    differentiable = tensor.is_floating_point() or tensor.is_complex()
    if how == 0:
        return torch.nn.Parameter(tensor, differentiable and random.random() < 0.5)
    if how == 1:
        parameter = torch.nn.Parameter(tensor, requires_grad=False)
        parameter.origin = "here"
        return parameter
    # (torch.load cannot give a gradient to what has no storage class.)
    if how == 2 and differentiable and NAMES[tensor.dtype] not in UNTYPED:
        return tensor.detach().requires_grad_()
    if how == 3:
        return tensor.as_subclass(Marked)
    if how == 4:
        tensor.note = {"of": ["some", "kind"]}
    return tensor


def fresh_name(random, taken):
    while True:
        name = ".".join(random.choice(WORDS) for _ in range(random.randint(1, 4)))
        if random.random() < 0.1:
            name = random.choice(ODD)
        if name not in taken:
            taken.add(name)
            return name


def named_tensors(made, untyped=True):
    """Tensors with names without structure, some of which share a storage."""
    random = made.random
    choices = sorted(TORCH.keys() - (set() if untyped else UNTYPED))
    tensors, taken = {}, set()
    for _ in range(random.randint(1, 3 if made.small else 8)):
        dtype, count = random.choice(choices), random.choice([1, 1, 1, 2, 3])
        for tensor in random_views(made, dtype, count):
            tensors[fresh_name(random, taken)] = dressed(random, tensor)
    if untyped and random.random() < 0.1:
        # Only dtypes without a storage class may share one, with uint8 and with each other.
        flat = as_torch("U8", random.randbytes(24))
        for dtype in random.sample(["U8", "U16", "F8_E4M3", "U32"], 2):
            tensors[fresh_name(random, taken)] = flat.view(TORCH[dtype])
            made.count(dtype, "two dtypes")
    return tensors


def nested(random, tensors):
    """The tensors in dictionaries of dictionaries."""
    top = random.choice([dict, collections.OrderedDict])()
    for number, (name, tensor) in enumerate(tensors.items()):
        place = top
        for part in random.sample(WORDS, random.randint(0, 3)):
            following = place.setdefault(random.choice([part, part, number]), type(top)())
            if not isinstance(following, dict):
                break
            place = following
        place[name if name not in place else f"{name}_{number}"] = tensor
    names = [name for name, _ in tensors_in(top)]
    return top if len({*names}) == len(names) else dict(tensors)


def extras(random, small):
    """What stands beside the weights in a trainer's checkpoint."""
    cycle = [1]
    cycle.append(cycle)
    best = {"best_model_score": torch.ones(2, 2), "path": ("a", "b")}
    everything = {
        "epoch": 3,
        "global_step": 2**40,
        "pytorch-lightning_version": "1.9.0",
        "numbers": [0.25, None, -(2**70), True, math.nan, 1 + 2j],
        "callbacks": {collections.OrderedDict: best},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": []}],
        "hyper_parameters": argparse.Namespace(lr=1e-4, sizes=(1, 2, 3, 4), which={5, 6}),
        "bytes": [b"\x80abc", bytearray(b"def")],
        "few": [frozenset({1}), range(3)],
        "device": [torch.device("cpu"), torch.Size([2, 3]), torch.float16],
        "cycle": cycle,
        "list of tensors": [torch.zeros(2), torch.ones(3)],
    }
    if not small:  # the files that are stored shall not depend on more than torch's version
        everything["numpy"] = [numpy.arange(6).reshape(2, 3), numpy.float64(0.5)]
        everything["path"] = pathlib.PurePosixPath("a/b")
    return {key: everything[key] for key in random.sample(sorted(everything), 5)}


def trained(made):
    """What a module gives."""
    torch.manual_seed(made.random.getrandbits(32))
    layers = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.BatchNorm1d(2))
    state = layers.half().state_dict()
    for tensor in state.values():
        made.count(NAMES[tensor.dtype], "dense" if tensor.dim() else "0-d")
    return state


def saved_object(made, untyped=True):
    """What torch.save shall write."""
    random = made.random
    if random.random() < 0.05:
        return next(random_views(made, "F32"))
    if random.random() < 0.1:
        return trained(made)
    tensors = named_tensors(made, untyped)
    weights = nested(random, tensors) if random.random() < 0.5 else dict(tensors)
    if random.random() < 0.1:  # twice, and inside of itself
        weights["again"] = {"the": {"same": weights, "tensor": next(iter(tensors.values()))}}
    if random.random() < 0.1:
        weights["twice"] = weights["once"] = {"a": torch.tensor([1.5, -0.0])}
    how = random.choice(["bare", "bare", "state_dict", "params_ema", "params", "both"])
    if how == "bare":
        return weights
    if how == "both":
        return {"params": {"not": torch.zeros(3)}, "params_ema": weights}
    return {**(extras(random, made.small) if random.random() < 0.7 else {}), how: weights}


def tensors_in(saved):
    """(name, tensor) of a saved object, by the rule of include/latent/io/torch_zip.hpp."""
    for wrapper in ("state_dict", "params_ema", "params"):
        if isinstance(saved, dict) and isinstance(saved.get(wrapper), dict):
            saved = saved[wrapper]
            break
    if isinstance(saved, torch.Tensor):
        return [("tensor", saved)]
    found = []

    def walk(dictionary, prefix, around):
        for key, value in dictionary.items():
            if type(key) not in (str, int):
                continue
            if isinstance(value, torch.Tensor):
                found.append((f"{prefix}{key}", value))
            elif isinstance(value, dict) and id(value) not in around:
                walk(value, f"{prefix}{key}.", around | {id(value)})

    walk(saved, "", {id(saved)})
    return found


# --- Files of torch -------------------------------------------------------------------------

ENDINGS = [".pt", ".ckpt", ".pth", ".bin", ""]


def zip_bytes(made, saved, right_checksums=False):
    """What torch.save writes, to a file or to a buffer."""
    random = made.random
    config = torch.utils.serialization.config
    protocol = random.choice([2, 2, 3, 4, 5])
    alignment = 64 if made.small else random.choice([1, 8, 64, 64, 512])
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(right_checksums or random.random() < 0.7)
    try:
        with config.patch({"save.storage_alignment": alignment}):
            if random.random() < 0.5:
                buffer = io.BytesIO()
                torch.save(saved, buffer, pickle_protocol=protocol)
                return buffer.getvalue()
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / (random.choice(WORDS) + ".ckpt")
                torch.save(saved, path, pickle_protocol=protocol)
                return path.read_bytes()
    finally:
        torch.serialization.set_crc32_options(before)


def torch_zip(made):
    made.add(ENDINGS, zip_bytes(made, saved_object(made)))


def torch_other(made):
    """As a big-endian machine writes it, or as old torch did, which named no byte order. (Where
    a storage has no dtype, torch.load forgets to swap its bytes: such are left out.)"""
    saved = saved_object(made, untyped=False)
    big = made.random.random() < 0.7
    if big:
        storages = {}
        for _, tensor in tensors_in(saved):
            storages.setdefault(tensor.untyped_storage().data_ptr(), tensor)
        for tensor in storages.values():
            tensor.untyped_storage().byteswap(tensor.dtype)
    old = zipfile.ZipFile(io.BytesIO(zip_bytes(made, saved, right_checksums=True)))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            data = b"big" if name.endswith("/byteorder") else old.read(name)
            if big or not name.endswith(("/byteorder", "/serialization_id")):
                new.writestr(zipfile.ZipInfo(name), data)
    made.add(ENDINGS, buffer.getvalue())


def torch_legacy(made):
    """As torch before 1.6 wrote it. The keys of its storages are addresses; a stand-in for
    str() in torch's writer gives other ones, so that the files are the same every time."""
    saved = saved_object(made, untyped=False)
    keys = {}

    class Key(str):
        def __new__(cls, address):
            return keys.setdefault(address, f"{made.random.randrange(10**13, 10**15)}")

    buffer = io.BytesIO()
    how = {"pickle_protocol": made.random.choice([2, 2, 3, 4, 5])}
    with mock.patch.object(torch.serialization, "str", Key, create=True):
        torch.save(saved, buffer, _use_new_zipfile_serialization=False, **how)
    made.add(ENDINGS, buffer.getvalue() + made.random.choice([b"", b"", b"ignored"]))


# --- Files of safetensors and numpy ---------------------------------------------------------


def drawn(made, dtypes):
    """{name: (dtype, shape, bytes)} of these dtypes."""
    random = made.random
    tensors, taken = {}, set()
    for _ in range(random.randint(1, 5 if made.small else 12)):
        dtype = random.choice(dtypes)
        dims = [] if random.random() < 0.15 else random_dims(made)
        if dims and random.random() < 0.15:
            dims[random.randrange(len(dims))] = 0
        if BITS[dtype] < 8:  # elements share bytes
            dims.append(4)
        made.count(dtype, "0-d" if not dims else "empty" if 0 in dims else "dense")
        data = values(random, dtype, math.prod(dims))
        tensors[fresh_name(random, taken)] = (dtype, dims, data)
    return tensors


def by_hand(random, tensors, metadata):
    """A safetensors file in any order, with any padding."""
    entries, buffer = {}, b""
    for name in random.sample(sorted(tensors), len(tensors)):
        dtype, shape, data = tensors[name]
        offsets = [len(buffer), len(buffer) + len(data)]
        entry = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        entries[name] = {key: entry[key] for key in random.sample(sorted(entry), 3)}
        buffer += data
    if metadata:
        entries["__metadata__"] = metadata
    ordered = {name: entries[name] for name in random.sample(sorted(entries), len(entries))}
    ascii_only = random.random() < 0.5
    header = json.dumps(ordered, ensure_ascii=ascii_only, indent=random.choice([None, 1]))
    header = header.encode() + b" " * random.randint(0, 7)
    return struct.pack("<Q", len(header)) + header + buffer


def random_metadata(random, count):
    texts = ODD + WORDS
    return {random.choice(texts): random.choice(texts) for _ in range(count)}


def safetensors_own(made):
    # Not more than one string: their order is another one every time.
    made.metadata = random_metadata(made.random, made.random.randint(0, 1))
    tensors = {
        name: as_torch(dtype, data).reshape(dims)
        for name, (dtype, dims, data) in drawn(made, sorted(TORCH)).items()
    }
    made.add([".safetensors"], safetensors.torch.save(tensors, made.metadata or None))


def safetensors_hand(made):
    made.metadata = random_metadata(made.random, made.random.randint(0, 4))
    tensors = drawn(made, sorted(BITS))
    made.add([".safetensors", ".bin"], by_hand(made.random, tensors, made.metadata))


def add_shards(made, tensors, ending, write):
    """The tensors in several files, and their index."""
    count = made.random.randint(1, 3)
    names = [f"{made.stem}-{number + 1:05}-of-{count:05}{ending}" for number in range(count)]
    weight_map = {name: made.random.choice(names) for name in tensors}
    for file in sorted({*weight_map.values()}):
        part = {name: tensors[name] for name in tensors if weight_map[name] == file}
        made.files[file] = write(part)
    index = {"metadata": {"total_size": made.random.choice([0, 1.5, "?"])}}
    made.main = f"{made.stem}{ending}.index.json"
    index["weight_map"] = weight_map
    made.files[made.main] = json.dumps(index, indent=2, sort_keys=True).encode()


def shards_safetensors(made):
    tensors = drawn(made, sorted(BITS))
    add_shards(made, tensors, ".safetensors", lambda part: by_hand(made.random, part, {}))


def shards_torch(made):
    add_shards(made, named_tensors(made), ".bin", lambda part: zip_bytes(made, part))


def npy(made):
    random = made.random
    dtype = random.choice(sorted(NUMPY))
    dims = [] if random.random() < 0.1 else random_dims(made)
    if dims and random.random() < 0.1:
        dims[0] = 0
    data = values(random, dtype, math.prod(dims))
    array = numpy.frombuffer(data, dtype="<" + NUMPY[dtype]).reshape(dims)
    fortran = random.random() < 0.4
    if fortran:
        array = numpy.asfortranarray(array)
    if random.random() < 0.4:
        array = array.byteswap().view(array.dtype.newbyteorder(">"))
    pattern = "permuted" if fortran else "dense"
    made.count(dtype, "0-d" if not dims else "empty" if 0 in dims else pattern)
    buffer = io.BytesIO()
    numpy.lib.format.write_array(buffer, array, random.choice([(1, 0), (1, 0), (2, 0), (3, 0)]))
    made.add([".npy"], buffer.getvalue())


KINDS = [torch_zip, safetensors_hand, torch_legacy, shards_safetensors, torch_other, npy]
KINDS += [safetensors_own, shards_torch]


def make(seed, small=False, stem="model"):
    """The checkpoint of that seed, the same bytes every time; a small one is a few KB."""
    kind = KINDS[seed % len(KINDS)]
    made = Made(randomness.Random(seed), small, stem, kind.__name__)
    kind(made)
    return made
