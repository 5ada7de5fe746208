"""Runs a command and writes what it cost as JSON: rusage.py FILE COMMAND [ARG ...]

The operating system's own account of the ended process and all it waited for: wall, user and system seconds, and the peak
resident size of its largest process in KiB (getrusage(2)). Node cannot ask for that of a child.
"""

import json
import os
import sys
import time

began = time.monotonic()
pid = os.fork()
if pid == 0:
    try:
        os.execvp(sys.argv[2], sys.argv[2:])
    except OSError as error:
        print(f"{sys.argv[2]}: {error}", file=sys.stderr)
        os._exit(127)
_, status, usage = os.wait4(pid, 0)
wall = time.monotonic() - began
with open(sys.argv[1], "w", encoding="ascii") as out:
    json.dump({"wall": wall, "user": usage.ru_utime, "system": usage.ru_stime, "peak": usage.ru_maxrss}, out)
sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1)
