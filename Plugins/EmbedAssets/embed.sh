#!/bin/sh
# embed.sh ASSETS FOLDER: writes FOLDER/EmbeddedAssets.swift with the web files of ASSETS and with
# Debian's Vega (libjs-vega), its licence before it; nil for Vega where that is not installed.
#
# Texts, as literals of bytes take the compiler long. The file is written only when it changes, as its
# age decides about compiling anew.
set -eu
assets=$1
file=$2/EmbeddedAssets.swift
vega=/usr/share/javascript/vega
licence=/usr/share/doc/libjs-vega/copyright
# What our figures need, after what it needs itself.
modules="util time format loader dataflow statistics scale canvas scenegraph expression event-selector
  selection functions runtime parser view transforms view-transforms encode interpreter"

# No text of these has the end of such a literal in it.
literal() { printf '####"""\n'; cat; printf '\n"""####\n'; }

script() {
  # A comment that begins so is one that minifiers and people leave alone.
  printf '/*!\n'
  sed 's|\*/|* /|g' "$licence"
  printf '*/\n'
  cat "$assets/modules.js"
  for module in $modules; do
    # Others ask for this one by another name than its file has.
    name=$module
    if [ "$module" = selection ]; then name=selections; fi
    printf 'define.next = "vega-%s";\n' "$name"
    sed '/^\/\/# sourceMappingURL=/d' "$vega/vega-$module.min.js"
  done
}

has_library() {
  [ -r "$licence" ] || return 1
  for module in $modules; do [ -r "$vega/vega-$module.min.js" ] || return 1; done
}

{
  printf 'let embeddedPage = '
  literal <"$assets/page.html"
  printf 'let embeddedStyle = '
  literal <"$assets/page.css"
  printf 'let embeddedScript = '
  literal <"$assets/page.js"
  printf 'let embeddedFigures: [String: String] = [\n'
  for figure in "$assets"/figures/*.json; do
    printf '"%s": ' "$(basename "$figure" .json)"
    literal <"$figure"
    printf ',\n'
  done
  printf ']\nlet embeddedCharts: String? = '
  if has_library; then script | literal; else printf 'nil\n'; fi
} >"$file.new"
if cmp -s "$file.new" "$file"; then rm "$file.new"; else mv "$file.new" "$file"; fi
