#!/usr/bin/env bash
# Puts `codelicious` on PATH: a release's binary whose checksum was verified, or one that is built here.
set -euo pipefail
# shellcheck source=action/lib.sh
. "$(dirname "$0")/lib.sh"

# The triple of this runner, as release files are named.
target() {
    case ${RUNNER_OS:-}/${RUNNER_ARCH:-} in
        Linux/X64) echo x86_64-unknown-linux-musl ;;
        Linux/ARM64) echo aarch64-unknown-linux-musl ;;
        macOS/X64) echo x86_64-apple-darwin ;;
        macOS/ARM64) echo aarch64-apple-darwin ;;
        *) fail "there is no release for ${RUNNER_OS:-an unknown system} on ${RUNNER_ARCH:-an unknown machine}: Linux and macOS on X64 and ARM64 have one" ;;
    esac
}

# Encrypted, or from this machine: a checksum that comes the same way as the file protects from accidents alone.
download() {
    case $1 in
        https://*) set -- "$@" --proto '=https' --tlsv1.2 ;;
        http://127.0.0.1:* | http://localhost:* | file:///*) ;;
        *) fail "'$1' is no https address" ;;
    esac
    local url=$1 to=$2
    shift 2
    curl --fail --silent --show-error --location --retry 3 --max-time 300 "$@" --output "$to" -- "$url" ||
        fail "$url could not be fetched: is there such a release, and does it have this file?"
}

put_on_path() {
    local bin=$1
    "$bin/codelicious" --version >/dev/null || fail "$bin/codelicious does not start on this runner"
    printf '%s\n' "$bin" >>"$GITHUB_PATH"
    output version "$("$bin/codelicious" --version | cut -d ' ' -f 2)"
}

case $VERSION in
    path)
        found=$(command -v codelicious) || fail "there is no codelicious on PATH: install it in a step before, or use another 'version'"
        put_on_path "$(cd "$(dirname "$found")" && pwd)"
        exit 0
        ;;
    source)
        command -v cargo >/dev/null 2>&1 || fail "there is no cargo on this runner: install Rust in a step before, or use a release"
        CARGO_TARGET_DIR=$RUNNER_TEMP/codelicious-target \
            cargo install --locked --path "$ACTION_PATH" --root "$RUNNER_TEMP/codelicious" --force
        put_on_path "$RUNNER_TEMP/codelicious/bin"
        exit 0
        ;;
esac

file=codelicious-$(target).tar.gz
releases=${INPUT_RELEASE_URL:-}
if [ -z "$releases" ]; then
    [ -n "${ACTION_REPOSITORY:-}" ] || fail "where releases are is not known: say it with the input 'release-url', or use 'version: source'"
    releases=${SERVER_URL:-https://github.com}/$ACTION_REPOSITORY/releases
fi
case $VERSION in
    latest) from=${releases%/}/latest/download ;;
    *) from=${releases%/}/download/$VERSION ;;
esac

work=$(mktemp -d "$RUNNER_TEMP/codelicious-XXXXXX")
download "$from/SHA256SUMS" "$work/SHA256SUMS"
download "$from/$file" "$work/$file"

# One line of the list, by the whole name: `hash  file`, or `hash *file`.
listed=$(awk -v file="$file" '$2 == file || $2 == "*" file { print $1 }' "$work/SHA256SUMS")
[[ $listed =~ ^[0-9a-f]{64}$ ]] || fail "$from/SHA256SUMS has no line, or several, for $file"
found=$(sha256_of "$work/$file")
[ "$found" = "$listed" ] ||
    fail "$file is not what the release says: its SHA-256 is $found, and SHA256SUMS has $listed. Nothing was installed"
wanted=${INPUT_SHA256:-}
[ -z "$wanted" ] || [ "$found" = "$wanted" ] ||
    fail "$file is not what the input 'sha256' says: its SHA-256 is $found, not $wanted. Nothing was installed"

mkdir "$work/bin"
# Only the program, wherever it stands in the archive's one folder.
tar -xzf "$work/$file" -C "$work/bin" --strip-components 1 "codelicious-$(target)/codelicious" ||
    fail "$file holds no codelicious-$(target)/codelicious"
chmod 755 "$work/bin/codelicious"
put_on_path "$work/bin"
