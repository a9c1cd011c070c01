#!/bin/sh
# install.sh DYNO PREFIX: puts the executable DYNO with its completions and manual pages under PREFIX.
#
# $PYTHON (python3) makes the manual pages from the executable's own help.
set -eu
dyno=$1
prefix=$2
here=$(dirname "$0")

install -d "$prefix/bin" "$prefix/share/man/man1" "$prefix/share/bash-completion/completions" \
  "$prefix/share/zsh/site-functions" "$prefix/share/fish/vendor_completions.d"
install -m 755 "$dyno" "$prefix/bin/dyno"
dyno=$prefix/bin/dyno
"$dyno" --generate-completion-script bash >"$prefix/share/bash-completion/completions/dyno"
"$dyno" --generate-completion-script zsh >"$prefix/share/zsh/site-functions/_dyno"
"$dyno" --generate-completion-script fish >"$prefix/share/fish/vendor_completions.d/dyno.fish"
"${PYTHON:-python3}" "$here/manual.py" --dyno "$dyno" "$prefix/share/man/man1"
"$dyno" --version
