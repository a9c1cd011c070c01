#!/usr/bin/env bash
# Compiles the kernels and their check with the given clang, for aarch64, and runs it: natively, or in
# qemu with Debian's cross C library. That brings no compiler runtime, and plain C needs none. qemu
# has bf16 and i8mm, so both tables must run there; a processor need not have them.
set -euo pipefail
cd "$(dirname "$0")/../.."
clang=$1
build=.build-neon
root=/usr/aarch64-linux-gnu
flags=(-O2 -std=gnu11 -Wall -Wextra -Werror)
sources=(kernels/*.c Tests/NEON/check_kernels.c)
mkdir -p "$build"
if [ "$(uname -m)" = aarch64 ]; then
  "$clang" "${flags[@]}" "${sources[@]}" -lm -o "$build/check_kernels"
  "$build/check_kernels" neon
else
  "$clang" --target=aarch64-linux-gnu "${flags[@]}" -isystem "$root/include" "${sources[@]}" \
    -fuse-ld=lld -nostdlib "$root"/lib/{crt1.o,crti.o,libm.so.6,libc.so.6,crtn.o} \
    -o "$build/check_kernels"
  qemu-aarch64 -cpu max -L "$root" "$build/check_kernels" neon neonbf16
fi
