"""What the makers of all formats share: the tables, and numbers as bytes."""

import struct

FILES = {}  # path: bytes
HOSTILE = []  # (path, class, key words)
VALID = []  # (path, name, dtype, shape, values)

EXTENSION = {"safetensors": "safetensors", "zip": "pt", "pickle": "pkl", "legacy": "pth",
             "npy": "npy", "config": "json"}

# What every attack tries to run: it would leave a file of this name behind.
COMMAND = "touch latent-was-executed"


def put(path, data):
    assert path not in FILES, path
    assert len(data) < 100_000, (path, len(data))
    FILES[path] = data


def hostile(format, lie, what, data, *words, extension=None):
    """A file that must be refused; the message must contain each of `words`."""
    path = f"hostile/{format}/{lie}_{what}.{extension or EXTENSION[format]}"
    put(path, data)
    HOSTILE.append((path, lie, words))


def valid(format, what, data, *tensors, extension=None):
    """A file that must be read: tensors are (name, dtype, shape, little-endian bytes)."""
    path = f"valid/{format}/{what}.{extension or EXTENSION[format]}"
    put(path, data)
    expect(path, *tensors)


BITS = {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8,
        "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16,
        "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64,
        "U64": 64}


def product(numbers):
    result = 1
    for number in numbers:
        result *= number
    return result


def expect(path, *tensors):
    for name, dtype, shape, values in tensors:
        assert len(values) * 8 == product(shape) * BITS[dtype], (path, name)
        width = BITS[dtype] // 8
        if width == 0 or BITS[dtype] % 8 != 0:
            cells = [values.hex()]  # elements share bytes
        else:
            cells = [values[i:i + width].hex() for i in range(0, len(values), width)]
        assert len(values) <= 64 * 8, (path, name)
        VALID.append((path, name, dtype, ",".join(map(str, shape)), ",".join(cells)))


def u16(n): return struct.pack("<H", n & 0xFFFF)
def u32(n): return struct.pack("<I", n & 0xFFFFFFFF)
def u64(n): return struct.pack("<Q", n & 0xFFFFFFFFFFFFFFFF)
def be32(n): return struct.pack(">I", n & 0xFFFFFFFF)


def floats(*numbers): return struct.pack(f"<{len(numbers)}f", *numbers)
def longs(*numbers): return struct.pack(f"<{len(numbers)}q", *numbers)


def counting(dtype, count):
    """Bytes for `count` elements: bit patterns that differ from each other."""
    if dtype == "BOOL":
        return bytes(i % 2 for i in range(count))
    return bytes((i * 7 + 3) % 251 for i in range(count * BITS[dtype] // 8))


SIX = floats(0, 1, 2, 3, 4, 5)


def truncations(format, data, boundaries, words, extension=None, keep=lambda size: words):
    """A file for each boundary: a list of (where the file ends, what stood there last)."""
    seen = set()
    for size, what in boundaries:
        if size in seen or size >= len(data):
            continue
        seen.add(size)
        hostile(format, "truncation", f"{size:04d}_after_{what}", data[:size], *keep(size),
                extension=extension)
