"""Studies: no YAML, no file, no setting, or more than anybody means."""

from dataclasses import replace
from pathlib import Path

from tests.faults.cases import STUDY, Case, both, edited, folder, link, pipe, write

MANY = f"batch_size: {[*range(1, 301)]}, max_length: {[*range(4, 304)]}"
BIG = "a: &a [x, x, x]\n" + "".join(
    f"{one}: &{one} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, one in zip("abcdefgh", "bcdefghi", strict=True)
)


def study(name: str, before: str, after: str, *says: str) -> Case:
    return Case(
        name=f"study, {name}",
        make=edited("s.yaml", before, after),
        command=["run", "s.yaml", "--store", "new"],
        says=("study s.yaml: ", *says),
    )


def named(name: str, before: str, after: str, *says: str) -> Case:
    """What is found after the file was read names the study."""
    return replace(study(name, before, after), says=("study small: ", *says))


def whole(name: str, text: str | bytes, *says: str) -> Case:
    return Case(
        name=f"study, {name}",
        make=write("s.yaml", text),
        command=["run", "s.yaml", "--store", "new"],
        says=("s.yaml", *says),
    )


def added(name: str, line: str, *says: str) -> Case:
    return whole(name, f"{STUDY}{line}\n", *says)


STUDIES = [
    whole("empty", "", "expected keys and values, got nothing"),
    whole("a word", "x", "expected keys and values, got str"),
    whole("a list", "[a]", "expected keys and values, got list"),
    whole("an open bracket", "name: [", "not YAML: line 1"),
    whole("two documents", "--- a\n--- b\n", "line 2, column 1: expected a single document"),
    whole("UTF-16", STUDY.encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
    whole("latin-1", f"{STUDY}description: é".encode("latin-1"), "line 8 is not UTF-8 text"),
    whole("NUL", f"{STUDY}x: \0", "holds NUL bytes; save it as text in UTF-8"),
    whole("escape", f"{STUDY}x\x1b[2J: 1", r"line 8: '\x1b' is not a text character"),
    whole("a tab", f"{STUDY}x:\n\ty: 1", "line 9, column 1: while scanning"),
    whole("deep", "[" * 100_000, "nested too deeply"),
    whole("aliases as tasks", f"{BIG}tasks: *i", "line 6, column 4: more than 100,000 keys"),
    whole("aliases as a name", f"{BIG}name: *i", "line 6, column 4: more than 100,000 keys"),
    whole("aliases as an axis", f"{BIG}axes: {{lr: *i}}", "more than 100,000 keys"),
    added("an alias in itself", "x: &x [*x]", "line 8, column 4: it contains an alias"),
    added("an unknown alias", "x: *y", "line 8, column 4: found undefined alias 'y'"),
    added("a key twice", "epochs: 2", "line 8, column 1: key 'epochs' occurs again here"),
    added("a list as key", "? [a]\n: b", "line 8, column 3: while constructing a mapping"),
    added("a number as key", "1: 2", "1: a key should be text, got 1"),
    added("!!bool", "warmup: !!bool x", "line 8, column 9: 'x' is not a valid bool"),
    added("!!timestamp", "warmup: !!timestamp x", "line 8, column 9: 'x' is not a valid timestamp"),
    added("!!int", "warmup: !!int x", "line 8, column 9: 'x' is not a valid int"),
    added("!!float", "warmup: !!float x", "line 8, column 9: 'x' is not a valid float"),
    added("!!binary", "warmup: !!binary x", "line 8, column 9: failed to decode base64"),
    added(
        "!!python/object", "x: !!python/object/apply:os.getcwd []", "line 8, column 4: could not"
    ),
    added(
        "a 13th month",
        "warmup: 2026-13-01",
        "line 8, column 9: '2026-13-01' is not a valid timestamp",
    ),
    added("an unknown key", "epoch: 1", "unknown key 'epoch'; did you mean 'epochs'?"),
    added("a long key", f"? {'k' * 100_000}\n: 1", "unknown key 'kkk"),
    added("a hostile key", r'"\e[2J\u202e[/b]": 1', r"unknown key '\x1b[2J\u202e[/b]'"),
    added("seeds twice", "seeds: [0, 0]", "seeds contains 0 twice; keep one"),
    added("a negative seed", "seeds: [-1]", "seeds.0: input should be greater than or equal to 0"),
    added("a seed of 20,000 digits", f"seeds: [0x{'f' * 20_000}]", "line 8, column 9: a number of"),
    added("a seed of 300 digits", f"seeds: [0x{'f' * 300}]", "seeds.0: ", "1,200 bits"),
    added("quoted digits", f"seeds: ['{'9' * 20_000}']", "seeds.0: unable to parse"),
    added("a negative dropout", "head_dropout: -0.5", "head_dropout: ", "got -0.5"),
    added("a date for a number", "warmup: 2026-01-01", "warmup: ", "datetime.date(2026, 1, 1)"),
    added("yes for a number", "batch_size: yes", "batch_size: input should be a number, got True"),
    added("parts that are none", "parts: 3", "parts: expected a list of keys and values"),
    added("an include that is gone", "includes: [./gone.yaml]", "no study file gone.yaml"),
    added("an include of includes", "includes: [paper]", "includes others and cannot be included"),
    added("an include twice", "includes: [table4, table4]", "includes contains 'table4' twice"),
    study(
        "hex lr", "1e-3", f"0x{'f' * 20_000}", "line 5, column 13: a number of 20,002 characters"
    ),
    study("base 60 lr", "1e-3", f"1{':1' * 50_000}", "line 5, column 13: a number of 100,001"),
    study("infinite lr", "1e-3", ".inf", "lr: input should be a finite number, got inf"),
    study("lr that is no number", "1e-3", ".nan", "lr: input should be greater than 0, got nan"),
    study("1e400 lr", "1e-3", "1.0e+400", "lr: input should be a finite number, got inf"),
    study("negative lr", "1e-3", "-1", "lr: input should be greater than 0, got -1"),
    study("lr twice", "1e-3, 1e-4", "1e-3, 0.001", "the grid contains 'library tiny", "twice"),
    study("no lr", "lr: [1e-3, 1e-4]", "", "axes is missing"),
    study("an axis of lists", "1e-3", "[1e-3]", "axes.lr.0: input should be one word or number"),
    study("a grid beyond bounds", "lr:", f"{MANY}, lr:", "180,000 trials"),
    study("a long name", "small", "n" * 5_000, "name: string should have at most 100 characters"),
    study("a name that leaves the store", "small", "../../x", "name: ", "got '../../x'"),
    study("a huge name", "small", f"0x{'f' * 20_000}", "line 1, column 7: a number of 20,002"),
    named("an unknown task", "library", "librry", "unknown task 'librry'; did you mean 'library'"),
    named("a task without dev", "library", "hwu64", "set select_on: heldout in the study"),
    named("a long task", "library", "l" * 5_000, "unknown task 'lll"),
    named("a hostile task", "library", r'"\e]0;x\a"', r"unknown task '\x1b]0;x\x07'"),
    study("an unknown method", "standard", "standart", "unknown method 'standart'; did you mean"),
    study("a method in a list", "[standard]", "[[standard]]", "methods.0: input should be text"),
    named("an unknown package", "tiny", "packaged:minlm", "did you mean 'packaged:minilm'"),
    study("no task", "[library]", "[]", "tasks: "),
    Case(
        name="study, a folder",
        make=folder("f.yaml"),
        command=["run", "f.yaml", "--store", "new"],
        says=("cannot read study f.yaml: is a folder, expected a regular file",),
    ),
    Case(
        name="study, a pipe",
        make=pipe("p.yaml"),
        command=["plan", "p.yaml"],
        says=("cannot read study p.yaml: is a pipe, expected a regular file",),
    ),
    Case(
        name="study, a device",
        command=["plan", "/dev/../dev/zero"],
        says=("cannot read study /dev/../dev/zero: is a device, expected",),
    ),
    Case(
        name="study, a link to itself",
        make=link("l.yaml", "l.yaml"),
        command=["plan", "l.yaml"],
        says=("cannot read study l.yaml: ", "symbolic links"),
    ),
    Case(
        name="study, too large",
        make=both(write("big.yaml", STUDY), lambda work: _grow(work / "big.yaml")),
        command=["plan", "big.yaml"],
        says=("cannot read study big.yaml: has 2,000,000 bytes, and at most 1 MB",),
    ),
    Case(
        name="study, gone", command=["plan", "no/such.yaml"], says=("no study file no/such.yaml",)
    ),
    Case(
        name="study, a name too long for a disk",
        command=["plan", f"{'n' * 5_000}.yaml"],
        says=("cannot read study nnn", "File name too long"),
    ),
]


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.truncate(2_000_000)
