"""Command lines: options that are no numbers, places that are none, names that nobody knows."""

from tests.faults.cases import Case, both, folder, pipe, remove, write

LONG = "x" * 5_000
NUMBER = "expected a part of one, a whole number or auto"
BUDGET = "--budget: expected 40 (trials per cell), 2h or 40,2h"


def run(name: str, *options: str, says: tuple[str, ...], study: str = "s.yaml") -> Case:
    return Case(name=f"run, {name}", command=["run", study, "--store", "new", *options], says=says)


def line(name: str, *words: str, says: tuple[str, ...]) -> Case:
    return Case(name=f"command line, {name}", command=words, says=says)


def budget(text: str) -> Case:
    name = f"budget {text[:12]!a} of {len(text)}"
    return run(name, "--search", "random", "--budget", text, says=(BUDGET, "got "))


def gpus(text: str) -> Case:
    return run(f"GPUs {text!a}", "--gpus-per-trial", text, says=("--gpus-per-trial", NUMBER))


STORE = ("--store", "store")
LINES = [
    *map(budget, ["1\u0663", f"{'9' * 400}h", "9" * 5_000, "nan", "inf", "1e400", "-1", "0", "0h"]),
    *map(budget, ["2h,2h", "1,2", "h", "\x1b[2J", LONG]),
    *map(gpus, ["1\u0663", "nan", "inf", "1e400", "-1", "", "0_1", "1.5", "0.00001", "9" * 5_000]),
    run("more GPUs than there are", "--gpus-per-trial", "999", says=("has ", " GPUs")),
    run(
        "seconds that do not end", "--checkpoint-every", "inf", says=("expected seconds, got inf",)
    ),
    run(
        "seconds beyond floats", "--checkpoint-every", "1e400", says=("expected seconds, got inf",)
    ),
    run("seconds that are none", "--checkpoint-every", "nan", says=("--checkpoint-every",)),
    run("negative seconds", "--checkpoint-every", "-1", says=("'--checkpoint-every'",)),
    run("a word for seconds", "--checkpoint-every", "soon", says=("'--checkpoint-every'",)),
    run("no slots", "--slots", "0", says=("'--slots'",)),
    run("slots beyond bounds", "--slots", "9" * 30, says=("'--slots'",)),
    run("threads beyond bounds", "--threads", "9" * 5_000, says=("'--threads'",)),
    run("a negative search seed", "--search-seed", "-1", says=("'--search-seed'",)),
    run("a search seed beyond bounds", "--search-seed", str(2**32), says=("'--search-seed'",)),
    run("an unknown search", "--search", "rndom", says=("unknown search 'rndom'", "'random'")),
    run("a search without a budget", "--search", "random", says=("needs a budget: --budget 40",)),
    run("a grid with a budget", "--budget", "4", says=("--budget: a grid is run whole",)),
    run("an unknown scheduler", "--scheduler", "asah", says=("unknown scheduler 'asah'", "'asha'")),
    run("unknown models to keep", "--keep-checkpoints", "some", says=("--keep-checkpoints: ",)),
    run("unknown tasks", "--tasks", LONG, says=("unknown task of study small 'xxx",)),
    run("an unknown option", "--nonsense", says=("No such option", "--nonsense")),
    run("an option without a value", "--tasks", says=("--tasks",)),
    run(
        "an unknown study", study="quickstrat", says=("unknown study", "did you mean 'quickstart'")
    ),
    run("a hostile study", study="\x1b]0;x\x07", says=(r"unknown study '\x1b]0;x\x07'",)),
    run("an unknown tracker", "--track", "wand", says=("unknown tracker 'wand'", "'wandb'")),
    run("a tracker twice", "--track", "wandb", "--track", "wandb", says=("given twice",)),
    run("a tracker's place is empty", "--track", "mlflow:", says=("the path is empty",)),
    Case(
        name="run, TensorBoard's folder is a file",
        make=write("file", "mine"),
        command=["run", "s.yaml", "--store", "new", "--tensorboard", "file/below"],
        says=("--track tensorboard: file/below cannot be written: Not a directory",),
    ),
    Case(
        name="run, TensorBoard's folder takes no files",
        command=["run", "s.yaml", "--store", "new", "--tensorboard", "/proc/self"],
        says=("--track tensorboard: /proc/self cannot be written: ",),
    ),
    Case(
        name="run, the store's folder takes no files",
        command=["run", "s.yaml", "--store", "/proc/self/new"],
        says=("store /proc/self/new cannot be written: ",),
    ),
    Case(
        name="run, the store is a file",
        make=write("new", "mine"),
        command=["run", "s.yaml", "--store", "new"],
        says=("store new is a file; give a folder",),
    ),
    Case(
        name="run, the store is below a file",
        make=write("new", "mine"),
        command=["run", "s.yaml", "--store", "new/below"],
        says=("store new/below cannot be written: Not a directory",),
    ),
    run(
        "nothing answers",
        "--address",
        "127.0.0.1:1",
        says=("no Ray cluster answers at 127.0.0.1:1",),
    ),
    run(
        "an address that no name has",
        "--address",
        f"{LONG}:12",
        says=("--address: expected HOST:PORT or auto", "xxx"),
    ),
    run(
        "a port beyond bounds",
        "--address",
        "127.0.0.1:99999",
        says=("--address: expected HOST:PORT or auto", ":99999"),
    ),
    line("an unknown command", "rum", says=("No such command 'rum'",)),
    line("a hostile command", "\x1b[2J\n", says=(r"No such command '\x1b[2J\n'",)),
    line("a long command", LONG, says=("No such command 'xxx",)),
    line("one word too many", "plan", "s.yaml", "more", says=("more",)),
    line("no study", "plan", says=("Missing argument",)),
    line("no target", "export", "s.yaml", *STORE, says=("--to",)),
    line("an unknown target", "export", "s.yaml", "--to", "optna", *STORE, says=("'optuna'",)),
    line(
        "predictions to Optuna",
        "export",
        "s.yaml",
        "--to",
        "optuna",
        "--predictions",
        *STORE,
        says=("--predictions: only to csv and parquet",),
    ),
    line(
        "an export below a file",
        "export",
        "s.yaml",
        "--to",
        "csv",
        "--out",
        "s.yaml/x",
        *STORE,
        says=("cannot write s.yaml/x",),
    ),
    line(
        "an export to a folder",
        "export",
        "s.yaml",
        "--to",
        "csv",
        "--out",
        "data",
        *STORE,
        says=("data is a folder: expected the name of a file",),
    ),
    line(
        "an Optuna storage that is none",
        "export",
        "s.yaml",
        "--to",
        "optuna",
        "--out",
        "a.csv",
        *STORE,
        says=("a.csv is no Optuna storage: ",),
    ),
    line(
        "a report below a file",
        "report",
        "s.yaml",
        "--out",
        "s.yaml/x",
        *STORE,
        says=("cannot write reports to s.yaml/x: Not a directory",),
    ),
    line(
        "no trained model",
        "best",
        "s.yaml",
        "--task",
        "library",
        "--out",
        "m",
        *STORE,
        says=("is kept", "add --retrain"),
    ),
    line(
        "the best of an unknown task",
        "best",
        "s.yaml",
        "--task",
        "rte",
        "--out",
        "m",
        *STORE,
        says=("unknown task of study small 'rte' (known: library)",),
    ),
    line(
        "the best of an unknown method",
        "best",
        "s.yaml",
        "--task",
        "library",
        "--out",
        "m",
        "--method",
        LONG,
        *STORE,
        says=("unknown method of study small 'xxx",),
    ),
    line(
        "the best to a folder with files",
        "best",
        "s.yaml",
        "--task",
        "library",
        "--out",
        "data",
        "--retrain",
        *STORE,
        says=("data is there already: give a new folder",),
    ),
    line("no store", "report", "s.yaml", "--store", "none", says=("no store in none",)),
    line("an empty path", "status", "s.yaml", "--store", "", says=("--store: the path is empty",)),
    line(
        "a store with a long name",
        "plan",
        "s.yaml",
        "--store",
        LONG,
        says=("--store xxx", "File name too long"),
    ),
    line(
        "data with a long name",
        "plan",
        "s.yaml",
        "--data",
        LONG,
        says=("--data xxx", "File name too long"),
    ),
    line(
        "curves with a long name",
        "run",
        "s.yaml",
        "--store",
        "new",
        "--tensorboard",
        LONG,
        says=("--tensorboard xxx", "File name too long"),
    ),
    line(
        "a report with a long name",
        "report",
        "s.yaml",
        "--out",
        LONG,
        *STORE,
        says=("--out xxx", "File name too long"),
    ),
    line(
        "an export with a long name",
        "export",
        "s.yaml",
        "--to",
        "csv",
        "--out",
        LONG,
        *STORE,
        says=("--out xxx", "File name too long"),
    ),
    line(
        "an export beside which no file fits",
        "export",
        "s.yaml",
        "--to",
        "csv",
        "--predictions",
        "--out",
        f"{'x' * 250}.csv",
        *STORE,
        says=("File name too long",),
    ),
    line(
        "a model with a long name",
        "best",
        "s.yaml",
        "--task",
        "library",
        "--out",
        LONG,
        *STORE,
        says=("--out xxx", "File name too long"),
    ),
    line(
        "a path of too many folders",
        "plan",
        "s.yaml",
        "--store",
        "x/" * 2_500,
        says=("--store x/x", "File name too long"),
    ),
    line(
        "a path in another encoding",
        "plan",
        "s.yaml",
        "--store",
        "st\udcfc",
        says=(r"--store 'st\udcfc': not UTF-8",),
    ),
    Case(
        name="plan, data that are gone",
        make=both(write("t.yaml", "name: t\nincludes: [table4]\n"), remove("data")),
        command=["plan", "t.yaml", "--data", "data"],
        says=("data folder data does not exist",),
    ),
    Case(
        name="plan, a folder with other files is no store",
        make=folder("mine/x"),
        command=["plan", "s.yaml", "--store", "mine"],
        says=("no store in mine: `catsweep run STUDY --store mine` makes one",),
    ),
    Case(
        name="plan, the store is a pipe",
        make=pipe("p"),
        command=["plan", "s.yaml", "--store", "p"],
        says=("store p is a file; give a folder",),
    ),
]
