#!/bin/sh
# ./dev reference: regenerates the reference data with PyTorch and compares it with the stored
# files; with --update it replaces them. PYTHON chooses a Python; without it, python3 is taken
# where it has the packages of requirements.txt, else a virtual environment is made in build/.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$here/../.." && pwd)/build
venv=$build/reference-venv

# Whether that Python has what requirements.txt asks for.
fits() {
    [ -n "$1" ] && command -v "$1" >/dev/null 2>&1 && "$1" - "$here/requirements.txt" <<'CHECK'
import sys
from importlib import metadata

for line in open(sys.argv[1]):
    name, _, version = line.split("#")[0].strip().partition("==")
    try:
        if name and version not in ("", metadata.version(name).split("+")[0]):
            sys.exit(1)
    except metadata.PackageNotFoundError:
        sys.exit(1)
CHECK
}

python=
for candidate in "${PYTHON:-}" python3 "$venv/bin/python"; do
    if fits "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "making $venv: PyTorch is a large download"
    mkdir -p "$build"
    python3 -m venv "$venv" || {
        echo "python3: got no working venv, expected Python 3.10 or newer with venv" \
            "(Debian and Ubuntu: apt-get install python3-venv)" >&2
        exit 1
    }
    "$venv/bin/python" -m pip install --quiet -r "$here/requirements.txt"
    python=$venv/bin/python
fi
exec "$python" "$here/regenerate.py" "$@"
