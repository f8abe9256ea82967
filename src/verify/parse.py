import os, sys

bad = 0
for raw in sys.stdin.buffer.read().split(b"\0"):
    path = os.fsdecode(raw)
    if not raw or not os.path.isfile(path):
        continue
    with open(path, "rb") as source:
        text = source.read()
    try:
        compile(text, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        bad = 1
        line = getattr(error, "lineno", None) or 1
        message = getattr(error, "msg", None) or str(error)
        kind = type(error).__name__ if isinstance(error, SyntaxError) else "SyntaxError"
        report = "%s:%s: %s: %s\n" % (path, line, kind, message)
        shown = getattr(error, "text", None)
        if isinstance(shown, str):
            report += "    " + shown.strip() + "\n"
        sys.stdout.buffer.write(report.encode("utf-8", "replace"))
sys.exit(bad)
