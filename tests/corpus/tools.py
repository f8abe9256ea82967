#!/usr/bin/env python3
"""Has others read what was ticked: OpenSpec's own program, in which each tick counts as the boxes it changed, and a parser of
JSON, for which a record of Task Master and Ralph loops changes its state and nothing else.

    CODELICIOUS_CORPUS=... CODELICIOUS_TICKED=DIR cargo test --lib spec::tests::corpus::ticked_lists
    npm install --prefix TOOLS @fission-ai/openspec
    tests/corpus/tools.py DIR TOOLS
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

STATES = [("status", "done"), ("passes", True)]


def changes(before: str, after: str) -> int:
    """Boxes that the tick changed. A task that is a heading has none, and OpenSpec does not count it."""
    old, new = before.split("\n"), after.split("\n")
    assert len(old) == len(new), "a tick adds no line"
    boxes = 0
    for a, b in zip(old, new):
        if a != b and not a.startswith("#"):
            assert b == re.sub(r"\[[^]x]?\]", "[x]", a, count=1), (a, b)
            boxes += 1
    return boxes


def progress(tools: pathlib.Path, lists: dict[str, str]) -> dict[str, tuple[int, int]]:
    """Done and all tasks of each list, as OpenSpec says."""
    root = pathlib.Path(tempfile.mkdtemp())
    for name, text in lists.items():
        change = root / "openspec" / "changes" / name
        change.mkdir(parents=True)
        (change / "proposal.md").write_text("## Why\nIt is asked for.\n")
        # As bytes: line ends stay.
        (change / "tasks.md").write_bytes(text.encode())
    (root / "openspec" / "specs").mkdir()
    env = {"PATH": os.environ["PATH"], "HOME": str(root), "OPENSPEC_TELEMETRY": "0", "DO_NOT_TRACK": "1", "CI": "1"}
    program = tools / "node_modules" / ".bin" / "openspec"
    said = subprocess.run([program, "list", "--json"], cwd=root, env=env, capture_output=True, text=True, check=True)
    shutil.rmtree(root)
    found = json.loads(said.stdout)["changes"]
    return {c["name"]: (c["completedTasks"], c["totalTasks"]) for c in found}


def differences(old: object, new: object, at: str = "") -> list[tuple[str, object]]:
    """Where two values differ, and what the second one has there."""
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for key in old.keys() | new.keys():
            found += differences(old.get(key), new.get(key), f"{at}/{key}")
        return found
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [d for i, (a, b) in enumerate(zip(old, new)) for d in differences(a, b, f"{at}/{i}")]
    return [] if old == new else [(at, new)]


def records(folders: pathlib.Path) -> int:
    """How many of the ticks in JSON lists do anything but set states, at most one that is no group's."""
    lists = ticks = wrong = 0
    for folder in sorted(folders.iterdir()):
        try:
            before = json.loads((folder / "before").read_bytes().decode("utf-8-sig"))
        except json.JSONDecodeError:
            # Some loops keep Markdown.
            continue
        for file in folder.iterdir():
            if file.name == "before":
                continue
            found = differences(before, json.loads(file.read_bytes().decode("utf-8-sig")))
            places = sorted((at for at, _ in found), key=len)
            # Groups around it are done with it.
            nested = all(b.startswith(a.rsplit("/", 1)[0]) for a, b in zip(places, places[1:]))
            ticks += 1
            if not found or not nested or any((at.rsplit("/", 1)[1], new) not in STATES for at, new in found):
                wrong += 1
                print(f"{folder.name} task {file.name}: {found}")
        lists += 1
    print(f"{folders.name}: {ticks} ticks in {lists} lists, {wrong} of them change other things than states")
    return wrong


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    ticked, tools = map(pathlib.Path, sys.argv[1:])
    lists = ticks = 0
    wrong = records(ticked / "taskmaster") + records(ticked / "ralph")
    for folder in sorted((ticked / "openspec").iterdir()):
        texts = {f"t{f.name}": f.read_bytes().decode() for f in folder.iterdir()}
        said = progress(tools, texts)
        before, (done, total) = texts.pop("tbefore"), said["tbefore"]
        for name, text in texts.items():
            expected = (done + changes(before, text), total)
            if said[name] != expected:
                wrong += 1
                print(f"{folder.name} task {name[1:]}: OpenSpec reads {said[name]} and not {expected}")
        lists, ticks = lists + 1, ticks + len(texts)
    print(f"OpenSpec reads {ticks} ticks in {lists} lists, {wrong} of them otherwise than they were meant")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
