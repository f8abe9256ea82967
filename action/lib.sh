# What the Action's steps have in common. Read by them, not run.
# shellcheck shell=bash

# Says an error where the runner shows it, and ends the step.
fail() {
    local text=$1
    text=${text//[%]/%25}
    text=${text//$'\r'/%0D}
    text=${text//$'\n'/%0A}
    printf '::error title=codelicious action::%s\n' "$text" >&2
    exit 2
}

# An output of this step. A value of several lines would need another form, and none has them.
output() {
    case $2 in
        *$'\n'* | *$'\r'*) fail "the value of $1 has several lines" ;;
    esac
    printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
}

# The SHA-256 of a file, by what Linux has or what macOS has.
sha256_of() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum -- "$1" | cut -d ' ' -f 1
    else
        shasum -a 256 -- "$1" | cut -d ' ' -f 1
    fi
}
