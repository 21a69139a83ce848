#!/usr/bin/env bash
# Builds the program that goes to other machines, says which C library it needs, and lists what it is made of.
#   assets/deploy/build.sh [DIRECTORY]     the directory for what is made [default: dist in the target directory]
#   assets/deploy/build.sh --sbom          prints the list (CycloneDX 1.5, JSON) and builds nothing
# MAX_GLIBC is the newest C library that the program may ask for. The default is that of the container file's base;
# a program that asks for a newer one would not start there.
set -euo pipefail
cd "$(dirname "$0")/../.."
MAX_GLIBC="${MAX_GLIBC:-2.36}"

sbom() {
  cargo metadata --format-version 1 --locked --filter-platform "$(rustc -vV | sed -n 's/^host: //p')" \
    | python3 assets/deploy/sbom.py
}

if [ "${1:-}" = --sbom ]; then
  sbom
  exit
fi

to="${1:-${CARGO_TARGET_DIR:-target}/dist}"
mkdir -p "$to"
cargo build --release --locked --bin tandem
program="${CARGO_TARGET_DIR:-target}/release/tandem"

# The versions of symbols that the program asks the C library for; the highest of them decides.
needed=$(readelf --version-info --wide "$program" | grep -oE 'GLIBC_[0-9]+(\.[0-9]+)+' | sed 's/^GLIBC_//' | sort -Vu | tail -n 1)
if [ -z "$needed" ]; then
  echo "It needs no glibc: it is linked statically, or for another system."
else
  echo "It needs glibc $needed or newer; $MAX_GLIBC is allowed."
  if [ "$(printf '%s\n%s\n' "$needed" "$MAX_GLIBC" | sort -V | tail -n 1)" != "$MAX_GLIBC" ]; then
    echo "error: build it on an older system, or in the container file's first stage, or set MAX_GLIBC." >&2
    exit 1
  fi
fi

install -m 0755 "$program" "$to/tandem"
sbom >"$to/tandem.cdx.json"
(cd "$to" && sha256sum tandem tandem.cdx.json >SHA256SUMS)
echo "$to holds the program, what it is made of, and the hashes of both:"
cat "$to/SHA256SUMS"
