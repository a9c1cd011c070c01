#!/bin/sh
# stamp.sh CHECKOUT FOLDER: writes FOLDER/BuiltCommit.swift with the commit that CHECKOUT is at.
#
# "-modified" follows it where files that are built differ from the commit; outside a checkout of
# its own it is "unknown". The file is written only when that changes, as its age decides about
# compiling anew.
set -u
cd "$1" || exit 1

ours() { git --no-optional-locks -c safe.directory='*' "$@" 2>/dev/null; }

commit=unknown
# The sources may lie inside somebody else's checkout.
if [ "$(ours rev-parse --show-toplevel)" = "$(pwd -P)" ]; then
  commit=$(ours rev-parse --verify HEAD) || commit=unknown
  if [ "$commit" != unknown ] &&
    [ -n "$(ours status --porcelain -- Package.swift Plugins Sources kernels profiles)" ]; then
    commit=$commit-modified
  fi
fi

text="let stampedCommit = \"$commit\""
file=$2/BuiltCommit.swift
if [ "$(cat "$file" 2>/dev/null)" != "$text" ]; then
  printf '%s\n' "$text" >"$file"
fi
