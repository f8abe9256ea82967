#!/usr/bin/env bash
# Runs codelicious with the Action's inputs. It tells summary, annotations and outputs itself; what is decided here is
# which exit codes fail the step.
set -euo pipefail
# shellcheck source=action/lib.sh
. "$(dirname "$0")/lib.sh"

# The words of a list, one a line, without blank lines and the blanks around them.
lines_of() {
    local line
    while IFS= read -r line || [ -n "$line" ]; do
        line=${line%$'\r'}
        line=${line#"${line%%[![:space:]]*}"}
        line=${line%"${line##*[![:space:]]}"}
        [ -z "$line" ] || printf '%s\n' "$line"
    done <<<"$1"
}

allowed=" 0 "
for code in ${INPUT_ALLOW_EXIT_CODES:-}; do
    [[ $code =~ ^[0-9]{1,3}$ ]] || fail "'$code' in 'allow-exit-codes' is no exit code"
    allowed+="$code "
done

arguments=()
while IFS= read -r spec; do
    [ -z "$spec" ] || arguments+=("--spec=$spec")
done < <(lines_of "${INPUT_SPEC:-}")
[ -z "${INPUT_ENGINE:-}" ] || arguments+=("--engine=$INPUT_ENGINE")
[ -z "${INPUT_MODEL:-}" ] || arguments+=("--model=$INPUT_MODEL")
[ -z "${INPUT_DEADLINE:-}" ] || arguments+=("--deadline=$INPUT_DEADLINE")
[ -z "${INPUT_MAX_COST_USD:-}" ] || arguments+=("--max-cost-usd=$INPUT_MAX_COST_USD")
while IFS= read -r argument; do
    [ -z "$argument" ] || arguments+=("$argument")
done < <(lines_of "${INPUT_ARGS:-}")
# A path is never a verb or a flag.
path=${INPUT_PATH:-.}
case $path in
    /* | . | ./* | ../*) ;;
    *) path=./$path ;;
esac
arguments+=("$path")

cd -- "${INPUT_WORKING_DIRECTORY:-.}"
# A runner knows no committer. Said in this clone alone, which a runner of one's own may share with nobody.
if ! git -C "$path" config user.email >/dev/null; then
    git -C "$path" config user.name 'github-actions[bot]'
    git -C "$path" config user.email '41898282+github-actions[bot]@users.noreply.github.com'
fi
# An empty token would hide one that is stored elsewhere.
[ -n "${GITHUB_TOKEN:-}" ] || unset GITHUB_TOKEN

# A runner that cancels a step signals this shell alone. The program is told, and ends resumably.
codelicious "${arguments[@]}" &
child=$!
told=no
trap 'told=yes; kill -TERM "$child" 2>/dev/null || true' HUP INT TERM
code=0
wait "$child" || code=$?
# A signal ends the wait, not the program: how that ended is asked again. 127 is a program that was waited for already.
while [ "$told" = yes ]; do
    told=no
    again=0
    wait "$child" || again=$?
    [ "$again" = 127 ] || code=$again
done
case $allowed in
    *" $code "*)
        [ "$code" = 0 ] || printf '::notice title=codelicious action::exit code %s does not fail this step\n' "$code" >&2
        exit 0
        ;;
esac
exit "$code"
