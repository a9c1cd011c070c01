#!/bin/sh
# run.sh DYNO: what an executable needs is in it: a copy of DYNO, alone in an empty folder with an empty
# environment, and installed with all that belongs to it.
set -eu
dyno=$(realpath "$1")
here=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() {
  echo "Tests/install: $*" >&2
  exit 1
}

# Prints what the copy says; nothing but the arguments reaches it.
alone() { (cd "$folder/empty" && env -i "$folder/copy/dyno" "$@"); }

mkdir "$folder/copy" "$folder/empty"
cp "$dyno" "$folder/copy/dyno"
alone --version | grep -Eq '^dyno [0-9.]+ \(commit [0-9a-f]{40}(, modified)?\)$' ||
  alone --version | grep -q '(commit unknown)$' || fail "--version says $(alone --version)"
alone describe smollm2-135m | grep -q smollm2-135m || fail "describe knows no architecture"
alone predict llama-3.2-1b --device a100-40gb | grep -q llama-3.2-1b || fail "predict knows no device"
alone law predict panda-1b --law conditional-1b --tokens 100B | grep -q panda-1b ||
  fail "law predict knows no law"
alone bench smollm2-135m --prompt 16 --generate 2 --repetitions 1 --dtype q8_0 --threads 1 |
  grep -q smollm2-135m || fail "bench does not run"
[ -z "$(ls -A "$folder/empty")" ] || fail "leaves files in the working folder"

"$here/install/install.sh" "$dyno" "$folder/prefix" >/dev/null
"$folder/prefix/bin/dyno" describe smollm2-135m >/dev/null || fail "installed, it does not run"
for file in share/man/man1/dyno.1 share/man/man1/dyno-bench.1 share/man/man1/dyno-law-fit.1 \
  share/bash-completion/completions/dyno share/zsh/site-functions/_dyno \
  share/fish/vendor_completions.d/dyno.fish; do
  [ -s "$folder/prefix/$file" ] || fail "$file is not installed"
done

# What bash offers where an architecture, and where a device, is being typed.
offered() {
  PATH="$folder/prefix/bin:$PATH" bash --norc -c '
    set -- "$@"
    . "$0"
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMP_TYPE=9
    COMP_KEY=9
    _dyno "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf "%s\n" "${COMPREPLY[@]}"' "$folder/prefix/share/bash-completion/completions/dyno" "$@"
}
offered dyno bench smoll | grep -q '^smollm2-135m *$' || fail "bash offers no architectures"
offered dyno predict llama-3.2-1b --device h100 | grep -q '^h100-sxm *$' ||
  fail "bash offers no devices"
echo "Tests/install: $(basename "$dyno") runs alone, and installed"
