#!/usr/bin/env bash
# make.sh BUILD FOLDER: the libraries' reference as a web site in FOLDER, from the modules that `make build`
# left in BUILD, their comments, and the pages beside this script. Nothing is compiled.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(realpath "$1")
site=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What Swift needs to see of C libraries.
flags=()
for map in "$root"/Sources/1-base/libraries/*/module.modulemap "$build"/CKernels.build/module.modulemap \
  "$root"/.build/checkouts/Yams/Sources/CYaml/include/module.modulemap \
  "$root"/.build/checkouts/GRDB.swift/Sources/GRDBSQLite/module.modulemap; do
  flags+=(-Xcc "-fmodule-map-file=$map")
done
for flag in $(pkg-config --cflags-only-I cminpack nlopt hwloc openblas); do flags+=(-Xcc "$flag"); done

archives=()
for page in "$root"/docs/api/*.md; do
  module=$(basename "$page" .md)
  mkdir -p "$work/$module.docc" "$work/$module.graph"
  cp "$page" "$work/$module.docc/"
  swift-symbolgraph-extract -module-name "$module" -I "$build/Modules" "${flags[@]}" \
    -target "$(uname -m)-unknown-linux-gnu" -minimum-access-level public -output-dir "$work/$module.graph"
  docc convert "$work/$module.docc" --fallback-display-name "$module" \
    --fallback-bundle-identifier "dyno.$module" --additional-symbol-graph-dir "$work/$module.graph" \
    --output-dir "$work/$module.doccarchive" --transform-for-static-hosting --diagnostic-level error
  archives+=("$work/$module.doccarchive")
done
rm -rf "$site"
docc merge "${archives[@]}" --synthesized-landing-page-name Dyno --output-path "$site"
echo "$site: ${#archives[@]} modules (serve it: python3 -m http.server --directory $site)"
