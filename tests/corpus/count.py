#!/usr/bin/env python3
"""Counts the tasks of lists, line by line, knowing nothing of the parser.

    tests/corpus/count.py CORPUS

Reads SOURCES.tsv beside it and the files below CORPUS, and writes CORPUS/COUNTS.tsv: dir, path, line, id_or_label, state,
title (60 characters), heading.

States: open done inprogress optional-open optional-done optional-inprogress cancelled other(c)
Suffixes: -noid (speckit box without T-id), -fence (inside a code fence), -quoted (inside a > quote),
          -escstar (kiro '[ ]\\*'), -h2/-h4 (superpowers 'Task N' heading not at level 3).  Prefix step- = superpowers box.
taskmaster rows carry the raw status (missing -> '(none)'; '-nonstandard' when the file is not
{tag:{tasks:[]}} or {tasks:[]}).  Lines are 1-based; a line ends at LF (a CR before it is stripped).
HTML comments, indented code and <details> are NOT treated specially."""

import json
import os
import re
import sys

BOXC = r"[ xX\-~/!>?✓✔✅v√]"
LIST = r"(?:[-*+]|\d+[.)])"
BOX = re.compile(r"^(\s*)((?:>\s*)*)(" + LIST + r")\s+\[(" + BOXC + r")\](\*?)(?:\s+(.*))?$")
KIRO = re.compile(r"^(\s*)[-*+]\s+\[([ xX\-~])\](\*?)\s*(.*)$")
OPENSPEC = re.compile(r"^\s*[-*]\s+\[([\sxX])\](.*)$")
HEAD = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
FENCE = re.compile(r"^\s*(?:>\s*)*(?:[-*+]\s+|\d+[.)]\s+)?(`{3,}|~{3,})(.*)$")


def lines_of(path):
    b = open(path, "rb").read()
    if b.startswith(b"\xef\xbb\xbf"):
        b = b[3:]
    t = b.decode("utf-8", "replace")
    ls = t.split("\n")
    if ls and ls[-1] == "":
        ls.pop()
    return [l[:-1] if l.endswith("\r") else l for l in ls]


def walk(path):
    """yields (lineno, text, in_fence, heading_text, heading_level_or_0)"""
    fence = None
    head = ""
    for i, l in enumerate(lines_of(path), 1):
        m = FENCE.match(l)
        if fence:
            yield i, l, True, head, 0
            if m and m.group(1)[0] == fence[0] and len(m.group(1)) >= len(fence) and not m.group(2).strip():
                fence = None
            continue
        if m and not (m.group(1)[0] == "`" and "`" in m.group(2)):
            fence = m.group(1)
            yield i, l, True, head, 0
            continue
        h = HEAD.match(l)
        if h:
            head = h.group(2)
            yield i, l, False, head, len(h.group(1))
            continue
        yield i, l, False, head, 0


def box_state(c):
    if c in " \t" or c.isspace():
        return "open"
    if c in "xX":
        return "done"
    return "other(%s)" % c


def kiro_state(c, star):
    s = "inprogress" if c in "-~" else box_state(c)
    return "optional-" + s if star else s


def label_of(t):
    m = re.match(r"[*_`~]*((?:\d+(?:\.\w+)*|[A-Z]{1,4}-?\d[\w.-]*))[.:)]?(?=[\s*_`:]|$)", t)
    return m.group(1) if m else ""


def speckit(p):
    for i, l, f, h, hl in walk(p):
        if f:
            continue
        m = BOX.match(l)
        if not m:
            continue
        t = m.group(6) or ""
        d = re.match(r"(?:[*_~`\[(]|\[[^\]]*\]\s*)*(T\d+[a-z]?)\b(.*)$", t)
        s = box_state(m.group(4)) + ("-quoted" if m.group(2) else "")
        if d:
            yield i, d.group(1), s, d.group(2).lstrip("*_~`]):. "), h
        else:
            yield i, "", s + "-noid", t, h


def openspec(p):
    for i, l, f, h, hl in walk(p):
        m = OPENSPEC.match(l)
        if m:
            t = m.group(2).strip()
            yield i, label_of(t), box_state(m.group(1)) + ("-fence" if f else ""), t, h


def kiro(p):
    for i, l, f, h, hl in walk(p):
        m = KIRO.match(l)
        if m:
            t = m.group(4)
            star = bool(m.group(3))
            esc = t.startswith("\\*")
            if esc:
                t = t[2:].lstrip()
            # '[ ]\\*' (a star escaped by a formatter) is not the tool's marker: plain state, suffix -escstar
            yield i, label_of(t), kiro_state(m.group(2), star) + ("-escstar" if esc else "") + ("-fence" if f else ""), t, h


def boxes(p, fences=False):
    for i, l, f, h, hl in walk(p):
        if f and not fences:
            continue
        m = BOX.match(l)
        if m:
            t = m.group(6) or ""
            yield i, label_of(t), box_state(m.group(4)) + ("-quoted" if m.group(2) else "") + ("-fence" if f else ""), t, h


def superpowers(p):
    rows = []
    cur = None
    level = 0
    head = ""
    for i, l, f, h, hl in walk(p):
        if f:
            continue
        if hl:
            m = re.match(r"[*_`]*Task\s+(\d+(?:\.\d+)*[A-Za-z]?)(?![\w])[*_`]*\s*[:：.—–-]?(.*)$", h)
            if m:
                cur = [i, "Task " + m.group(1), None, m.group(2).strip(), head, hl, []]
                rows.append(cur)
                level = hl
            else:
                if cur and hl <= level:
                    cur = None
                if not cur:
                    head = h
            continue
        m = BOX.match(l)
        if m:
            t = m.group(6) or ""
            s = box_state(m.group(4))
            if cur:
                cur[6].append(s)
            d = re.match(r"\**(Step\s+\d+[\w.]*)", t)
            rows.append(
                [
                    i,
                    (cur[1] if cur else "-") + "/" + (d.group(1) if d else ""),
                    "step-" + s + ("-quoted" if m.group(2) else ""),
                    t,
                    h,
                ]
            )
    for r in rows:
        if len(r) == 7:
            done = r[6] and all(s == "done" for s in r[6])
            yield r[0], r[1], ("done" if done else "open") + ("" if r[5] == 3 else "-h%d" % r[5]), r[3], r[4]
        else:
            yield tuple(r)


# --- JSON with line numbers -------------------------------------------------
WS = re.compile(r"[ \t\r\n]*")
STR = re.compile(r'"(?:[^"\\]|\\.)*"', re.S)
LIT = re.compile(r"[^\s,\]}]+")


class Obj(dict):
    pass


def parse(t):
    pos = 0

    def ws():
        nonlocal pos
        pos = WS.match(t, pos).end()

    def val():
        nonlocal pos
        ws()
        c = t[pos]
        if c == "{":
            o = Obj()
            o.pos = pos
            o.kp = {}
            pos += 1
            ws()
            if t[pos] == "}":
                pos += 1
                return o
            while True:
                ws()
                k0 = pos
                m = STR.match(t, pos)
                if not m:
                    raise ValueError("key at %d" % pos)
                k = json.loads(m.group(0), strict=False)
                pos = m.end()
                ws()
                if t[pos] != ":":
                    raise ValueError("colon at %d" % pos)
                pos += 1
                o[k] = val()
                o.kp[k] = k0
                ws()
                if t[pos] == ",":
                    pos += 1
                    continue
                if t[pos] == "}":
                    pos += 1
                    return o
                raise ValueError("object at %d" % pos)
        if c == "[":
            a = []
            pos += 1
            ws()
            if t[pos] == "]":
                pos += 1
                return a
            while True:
                a.append(val())
                ws()
                if t[pos] == ",":
                    pos += 1
                    continue
                if t[pos] == "]":
                    pos += 1
                    return a
                raise ValueError("array at %d" % pos)
        if c == '"':
            m = STR.match(t, pos)
            if not m:
                raise ValueError("string at %d" % pos)
            pos = m.end()
            return json.loads(m.group(0), strict=False)
        m = LIT.match(t, pos)
        pos = m.end()
        return json.loads(m.group(0))

    v = val()
    ws()
    if pos != len(t):
        raise ValueError("extra at %d" % pos)
    return v


def load(p):
    b = open(p, "rb").read()
    if b.startswith(b"\xef\xbb\xbf"):
        b = b[3:]
    t = b.decode("utf-8", "replace")
    return parse(t), t


def line_of(t, o, k="id"):
    return t.count("\n", 0, o.kp.get(k, o.pos)) + 1


def taskmaster(p):
    try:
        j, t = load(p)
    except (ValueError, IndexError) as e:
        yield 1, "", "invalid-json", str(e), ""
        return

    def tasks(lst, tag, parent, suf):
        for x in lst:
            if not isinstance(x, dict):
                continue
            i = x.get("id")
            i = "?" if i is None else (repr(i) if isinstance(i, float) else str(i))
            full = i if not parent else (i if i.startswith(parent + ".") else parent + "." + i)
            yield (
                line_of(t, x),
                tag + ":" + full,
                str(x.get("status") or "(none)") + suf,
                str(x.get("title", x.get("name", x.get("description", "")))),
                tag,
            )
            if isinstance(x.get("subtasks"), list):
                yield from tasks(x["subtasks"], tag, full, suf)

    if isinstance(j, list):
        yield from tasks(j, "list", "", "-nonstandard")
    elif isinstance(j.get("tasks"), list):
        yield from tasks(j["tasks"], "master", "", "")
    else:
        for k, v in j.items():
            if isinstance(v, dict) and isinstance(v.get("tasks"), list):
                yield from tasks(v["tasks"], k, "", "")
            elif isinstance(v, list):
                yield from tasks(v, k, "", "-nonstandard")


def ralph(p):
    if p.endswith(".md"):
        yield from boxes(p)
        return
    try:
        j, t = load(p)
    except (ValueError, IndexError) as e:
        yield 1, "", "invalid-json", str(e), ""
        return

    def state(x):
        s = str(x.get("status", "")).lower()
        if (
            x.get("passes") is True
            or x.get("complete") is True
            or x.get("completed") is True
            or x.get("done") is True
            or s in ("done", "complete", "completed", "passed")
        ):
            return "done"
        if x.get("inProgress") is True or x.get("started") is True or s in ("in_progress", "in-progress", "inprogress"):
            return "inprogress"
        if s in ("cancelled", "canceled", "skipped"):
            return "cancelled"
        return "open"

    def items(lst, h):
        for n, x in enumerate(lst, 1):
            if isinstance(x, dict):
                yield (
                    line_of(t, x),
                    str(x.get("id", "#%d" % n)),
                    state(x),
                    str(x.get("title", x.get("name", x.get("description", "")))),
                    h,
                )

    if isinstance(j, list):
        yield from items(j, "")
        return
    for k in ("userStories", "stories", "tasks", "features", "items"):
        if isinstance(j.get(k), list):
            yield from items(j[k], k)
    for ph in j.get("phases") or []:
        if isinstance(ph, dict):
            for k in ("tasks", "userStories", "stories"):
                if isinstance(ph.get(k), list):
                    yield from items(ph[k], str(ph.get("name", ph.get("id", ""))))


RUN = dict(
    speckit=speckit,
    openspec=openspec,
    kiro=kiro,
    ccsdd=kiro,
    agentos=lambda p: boxes(p, True),
    taskmaster=taskmaster,
    ralph=ralph,
    superpowers=superpowers,
    stories=boxes,
    markdown=boxes,
)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    corpus = sys.argv[1]
    sources = os.path.join(os.path.dirname(os.path.abspath(__file__)), "SOURCES.tsv")
    clean = lambda s: re.sub(r"[\t\r\n]+", " ", str(s)).strip()
    out = open(os.path.join(corpus, "COUNTS.tsv"), "w", encoding="utf-8", errors="surrogateescape", newline="\n")
    out.write("dir\tpath\tline\tid_or_label\tstate\ttitle\theading\n")
    tot = {}
    for l in open(sources, encoding="utf-8", errors="surrogateescape", newline="\n").read().split("\n")[1:]:
        c = l.split("\t")
        if len(c) < 9:
            continue
        n = 0
        for line, i, s, t, h in RUN[c[0]](os.path.join(corpus, c[4], c[3])):
            out.write("\t".join([c[4], c[3], str(line), clean(i), clean(s), clean(t)[:60], clean(h)]) + "\n")
            n += 1
            tot.setdefault(c[0], {}).setdefault(re.sub(r"\(.\)", "(c)", s), 0)
            tot[c[0]][re.sub(r"\(.\)", "(c)", s)] += 1
        if not n:
            print("no tasks:", c[4], c[3], file=sys.stderr)
    for f in sorted(tot):
        print(f, sum(tot[f].values()), " ".join("%s=%d" % x for x in sorted(tot[f].items())))


if __name__ == "__main__":
    main()
