#!/bin/sh
# Runs every test below tests/ and says which one failed.
failed=0
for test in tests/*.sh; do
    [ -e "$test" ] || continue
    if ! sh "$test"; then
        echo "FAILED $test"
        failed=1
    fi
done
exit $failed
