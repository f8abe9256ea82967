#!/usr/bin/env bash
# Makes of the inputs what the steps after it need: the version, the repository's folder, and names for cache and
# artifact that both accept.
set -euo pipefail
# shellcheck source=action/lib.sh
. "$(dirname "$0")/lib.sh"

version=${INPUT_VERSION:-}
if [ -z "$version" ]; then
    ref=${ACTION_REF:-}
    if [[ $ref =~ ^v[0-9]+\.[0-9]+\.[0-9]+ ]]; then
        version=$ref
    elif [[ $ref =~ ^[0-9a-f]{40}$ ]]; then
        fail "the Action is pinned to the commit $ref, and which release belongs to it is not known: say it with the input 'version', or build it with 'version: source'"
    else
        version=latest
    fi
fi
case $version in
    latest | source | path) ;;
    [0-9]*.[0-9]*) version=v$version ;;
esac
[[ $version =~ ^(latest|source|path|v[0-9][0-9A-Za-z.+-]*)$ ]] ||
    fail "'$version' is no version: it must be a tag such as v1.2.3, latest, source or path"

place=${INPUT_WORKING_DIRECTORY:-.}/${INPUT_PATH:-.}
[ -d "$place" ] || fail "there is no folder '$place': check 'path' and 'working-directory', and that actions/checkout ran before"
folder=$(git -C "$place" rev-parse --show-toplevel 2>/dev/null) ||
    fail "'$place' is in no git repository: actions/checkout has to run before"

# Keys of the cache may hold no comma, names of artifacts none of /\":<>|*? and no line end. Two lists of specs may not
# share a name, so that a hash of what was written stands behind what can be read.
spec=${INPUT_SPEC:-}
name=all
if [ -n "${spec//[$' \t\r\n']/}" ]; then
    printf '%s' "$spec" >"${RUNNER_TEMP:-/tmp}/codelicious-spec"
    hash=$(sha256_of "${RUNNER_TEMP:-/tmp}/codelicious-spec")
    readable=$(printf '%s' "$spec" | LC_ALL=C tr -c 'A-Za-z0-9._-' '-' | cut -c 1-60)
    name=$readable-${hash:0:8}
fi

output version "$version"
output folder "$folder"
output name "$name"
artifact=$(printf '%s' "${INPUT_ARTIFACT:-codelicious}" | LC_ALL=C tr -c 'A-Za-z0-9._-' '-')
output artifact "$artifact-$name"
