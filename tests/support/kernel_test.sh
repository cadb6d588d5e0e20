#!/bin/sh
# ./dev kernel: what it says of bad arguments, of a right rung and of a wrong one.
set -eu
cd "$(dirname "$0")/../.."
if [ "$(uname -sm)" != 'Linux x86_64' ]; then
    echo "SKIPPED: the emulator runs on Linux x86_64"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LATENT_BUILT_KERNELS="$work/built"

failed=0
# expect STATUS TEXT ARGUMENT...
expect() {
    status=$1 text=$2
    shift 2
    got=0
    ./dev kernel "$@" >"$work/out" 2>&1 || got=$?
    if [ $got -ne "$status" ] || ! grep -qF -- "$text" "$work/out"; then
        echo "./dev kernel $*: got status $got, expected $status and \"$text\" in:"
        cat "$work/out"
        failed=1
    fi
}

expect 0 '1_naive 2_coalesced 3_shared_memory'
expect 1 'conv3d: no ladder, expected one of: attention conv2d group_norm' conv3d --emulate
expect 1 'conv2d 7: no such rung, expected one of: 1_naive' conv2d 7 --emulate
expect 1 'conv2d 3_shared: no such rung' conv2d 3_shared --emulate
expect 1 '--fast: no such option, expected --emulate' conv2d 3 --fast
expect 1 '4: one too many' conv2d 3 4
if ! nvidia-smi -L >/dev/null 2>&1 && [ ! -e /dev/nvidiactl ]; then
    expect 1 '--emulate needs none' conv2d 3
fi
expect 0 '2_block' group_norm --emulate
expect 0 'group_norm 2_block, on the emulator' group_norm 2 --emulate
expect 0 '0 bank conflicts' group_norm 2_block --emulate
expect 1 'NaN until it is written' group_norm 99 --emulate
exit $failed
