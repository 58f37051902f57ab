"""Do processes that read or write Parquet end by themselves, also on a busy machine? Prints JSON.

    python -m tests.benchmarks.exits

Each end is a whole one: a child of a process that has imported what is needed reads or writes once
and leaves by `sys.exit` with the number of threads that this has started, while neighbours compute:
0 is right, -6 is SIGABRT. An Arrow thread that holds a part of a file of Python's at that moment
ends the process with SIGABRT ("terminate called without an active exception"): it is stopped where
it waits for the interpreter, within a C++ destructor.
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
from trainers.files import encode_predictions

USES = {
    "read predictions of a file": "read_rows(folder / 'rows.parquet')",
    "read stored predictions": "decode_predictions(stored)",
    "read stored labels": "decode_labels(stored)",
    "write predictions": "encode_predictions(decode_predictions(stored))",
    "export a table": (
        "[write_table(folder / f'{os.getpid()}.{kind}', kind) for kind in ('csv', 'parquet')]"
    ),
}
PROGRAM = """
import os, sys
from pathlib import Path
import pyarrow as pa
from reports.exports.flat import _writer
from reports.prediction_files import read_rows
from trainers.files import decode_labels, decode_predictions, encode_predictions

def write_table(path, kind):
    table = pa.table({'id': ['a', 'b'], 'score': [0.5, 1.0]})
    with _writer(path, kind, table.schema) as writer:
        writer.write_table(table)

folder, ends, at_once = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
stored = (folder / 'stored.parquet').read_bytes()
running = 0
for place in range(ends + at_once):
    if place < ends:
        if os.fork() == 0:
            before = len(os.listdir('/proc/self/task'))
            USE
            sys.exit(len(os.listdir('/proc/self/task')) - before)
        running += 1
    if running >= at_once or (place >= ends and running):
        print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
        running -= 1
"""
NEIGHBOUR = "while True: sum(range(10_000))"


def write_files(folder: Path) -> None:
    """Write a file of predictions from elsewhere, and one of a store's."""
    frame = pd.DataFrame({"id": [*range(200)], "gold": 0, "prediction": [0, 1] * 100})
    frame.to_parquet(folder / "rows.parquet")
    (folder / "stored.parquet").write_bytes(encode_predictions(predictions("dev", 100)))


def ends_of(use: str, folder: Path, ends: int, at_once: int) -> dict[int, int]:
    """Let so many processes end after one of USES; count their exit codes."""
    program = PROGRAM.replace("USE", USES[use])
    command = [sys.executable, "-c", program, str(folder), str(ends), str(at_once)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Counter(map(int, done.stdout.split()))


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ends", type=int, default=1_000, help="of each use")
    parser.add_argument("--at-once", type=int, default=6 * (os.cpu_count() or 1))
    parser.add_argument("--neighbours", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    report = {}
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        write_files(Path(scratch))
        for _ in range(options.neighbours):
            neighbour = subprocess.Popen([sys.executable, "-c", NEIGHBOUR])
            stack.callback(neighbour.wait)
            stack.callback(neighbour.kill)
        for use in USES:
            codes = ends_of(use, Path(scratch), options.ends, options.at_once)
            report[use] = {"ends": sum(codes.values()), "exit_codes": codes}
    print(json.dumps(report, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
