#!/usr/bin/env bash
# Makes the files of a release, as `install.sh` asks for them:
#   package.sh archive BINARY TARGET FOLDER    FOLDER/codelicious-TARGET.tar.gz
#   package.sh checksums FOLDER                FOLDER/SHA256SUMS, of all archives in it
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=action/lib.sh
. "$here/lib.sh"

case ${1:-} in
    archive)
        binary=$2 target=$3 folder=$4
        mkdir -p "$folder"
        work=$(mktemp -d)
        trap 'rm -rf "$work"' EXIT
        mkdir "$work/codelicious-$target"
        cp "$binary" "$work/codelicious-$target/codelicious"
        for page in README.md LICENSE-APACHE LICENSE-MIT CHANGELOG.md; do
            cp "$here/../$page" "$work/codelicious-$target/"
        done
        tar -czf "$folder/codelicious-$target.tar.gz" -C "$work" "codelicious-$target"
        ;;
    checksums)
        cd "$2"
        for archive in codelicious-*.tar.gz; do
            printf '%s  %s\n' "$(sha256_of "$archive")" "$archive"
        done >SHA256SUMS
        ;;
    *) fail "package.sh is called as 'archive BINARY TARGET FOLDER' or 'checksums FOLDER'" ;;
esac
