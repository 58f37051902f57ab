"""Exit codes of processes that read or write Parquet on a busy machine: prints JSON.

    python -m tests.benchmarks.exits

A child of a process with all imports reads or writes once and calls `sys.exit` with the number of
threads that this has started, while other processes compute. So 0 is right, and -6 is SIGABRT: an
Arrow thread that then holds a part of a Python file is stopped while it waits for the interpreter
in a C++ destructor ("terminate called without an active exception").
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pandas as pd

from tests.results import predictions
from trainers.records.files import encode_predictions

USES = {
    "read predictions of a file": "read_rows(folder / 'rows.parquet')",
    "read stored predictions": "decode_predictions(stored, 2)",
    "read stored labels": "decode_labels(stored, 2)",
    "write predictions": "encode_predictions(decode_predictions(stored, 2))",
    "export a table": (
        "[write_table(folder / f'{os.getpid()}.{kind}', kind) for kind in ('csv', 'parquet')]"
    ),
}
PROGRAM = """
import json, os, sys
from pathlib import Path
import pyarrow as pa
from reports.exports.flat import _writer
from reports.prediction_files import read_rows
from trainers.records.files import decode_labels, decode_predictions, encode_predictions

def write_table(path, kind):
    table = pa.table({'id': ['a', 'b'], 'score': [0.5, 1.0]})
    with _writer(path, kind, table.schema) as writer:
        writer.write_table(table)

def threads():
    return len(os.listdir('/proc/self/task'))

folder, ends, at_once = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
stored = (folder / 'stored.parquet').read_bytes()
uses = json.loads(sys.argv[4])
running = {}
for place, use in enumerate(use for use in uses for _ in range(ends)):
    child = os.fork()
    if child == 0:
        before = threads()
        exec(uses[use])
        sys.exit(threads() - before)
    running[child] = use
    while len(running) == at_once or (running and place == ends * len(uses) - 1):
        child, status = os.wait()
        print(json.dumps([running.pop(child), os.waitstatus_to_exitcode(status)]), flush=True)
"""
NEIGHBOUR = "while True: sum(range(10_000))"


def write_files(folder: Path) -> None:
    """Write a prediction file of another program, and one of a store."""
    frame = pd.DataFrame({"id": [*range(200)], "gold": 0, "prediction": [0, 1] * 100})
    frame.to_parquet(folder / "rows.parquet")
    (folder / "stored.parquet").write_bytes(encode_predictions(predictions("dev", 100)))


def exit_codes(folder: Path, ends: int, at_once: int) -> dict[str, Counter[int]]:
    """Run this number of processes for each of USES, and count their exit codes."""
    command = [sys.executable, "-c", PROGRAM, str(folder), str(ends), str(at_once)]
    done = subprocess.run([*command, json.dumps(USES)], capture_output=True, text=True, check=True)
    found: dict[str, Counter[int]] = {use: Counter() for use in USES}
    for use, code in map(json.loads, done.stdout.splitlines()):
        found[use][code] += 1
    return found


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ends", type=int, default=1_000, help="of each use")
    parser.add_argument("--at-once", type=int, default=6 * (os.cpu_count() or 1))
    parser.add_argument("--neighbours", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        write_files(Path(scratch))
        for _ in range(options.neighbours):
            neighbour = subprocess.Popen([sys.executable, "-c", NEIGHBOUR])
            stack.callback(neighbour.wait)
            stack.callback(neighbour.kill)
        report = exit_codes(Path(scratch), options.ends, options.at_once)
    print(json.dumps(report, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
