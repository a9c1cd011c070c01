#!/bin/sh
# embed.sh PROFILES FOLDER: writes FOLDER/EmbeddedProfiles.swift with the files of PROFILES.
#
# The file is written only when its text changes, as its age decides about compiling anew.
set -eu
cd "$1"
LC_ALL=C
export LC_ALL

text=$2/EmbeddedProfiles.new
{
  echo 'let embeddedProfiles: [String: String] = ['
  for file in */*.json; do
    printf '"%s": ###"""\n' "${file%.json}"
    cat "$file"
    printf '\n"""###,\n'
  done
  echo ']'
} >"$text"
file=$2/EmbeddedProfiles.swift
if cmp -s "$text" "$file"; then rm "$text"; else mv "$text" "$file"; fi
