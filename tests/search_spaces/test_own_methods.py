"""Methods of a user's own: found without being run, named by their code, refused in one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from search_spaces.errors import UserError
from search_spaces.method import OwnSettings
from search_spaces.own_methods import import_method
from search_spaces.sources import find_source, load_object
from search_spaces.study import load_study
from search_spaces.trial import TrialConfig, parse_trial

FOCAL = '''
from search_spaces.method import MethodSettings
from search_spaces.settings import Count, NonNegative
from trainers.methods.losses import cross_entropy
from trainers.methods.step import backward


class Focal(MethodSettings):
    """Focal loss (Lin et al. 2017)."""

    title = "Focal loss"
    by_example = True
    gamma: NonNegative = 2.0
    rounds: Count = 1

    @staticmethod
    def step(model, batch, settings, training):
        logits = model(batch)
        log_p = logits.log_softmax(-1).gather(1, batch.labels_B[:, None])[:, 0]
        return backward({"loss": (-((1 - log_p.exp()) ** settings.gamma) * log_p).mean()})
'''
STUDY = """
name: own
tasks: [library]
encoders: [tiny]
methods: [standard, ./focal.py@Focal]
axes: {lr: [1e-3], gamma: [1, 2.0]}
epochs: 1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "focal.py").write_text(FOCAL)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


def trials(folder: Path, **changes: str) -> list[TrialConfig]:
    text = STUDY
    for old, new in changes.items():
        text = text.replace(old, new)
    (folder / "study.yaml").write_text(text)
    return load_study(str(folder / "study.yaml")).trials()


def test_a_file_s_method_stands_beside_shipped_ones_with_its_options_as_axes(folder: Path) -> None:
    standard, *focal = trials(folder)
    assert standard.method.name == "standard"
    assert [trial.method.options() for trial in focal] == [
        {"gamma": 1.0, "rounds": 1},
        {"gamma": 2.0, "rounds": 1},
    ]
    assert [trial.point.get("gamma") for trial in focal] == [1.0, None], "a default goes unsaid"
    assert {trial.cell for trial in focal} == {("library", "tiny", "Focal")}
    assert len({trial.signature for trial in (standard, *focal)}) == 3


def test_numbers_are_written_as_the_type_has_them(folder: Path) -> None:
    """As for shipped methods: 1 and 1.0 are one real number, and a count stays whole."""
    first = trials(folder)[1]
    again = trials(folder, **{"[1, 2.0]": "[1.0, 2]", "epochs: 1": "epochs: 1"})[1]
    assert first == again
    assert first.signature == again.signature
    assert json.loads(first.canonical_json())["method"]["rounds"] == 1


def test_a_stored_trial_is_read_back_without_its_code(folder: Path) -> None:
    trial = trials(folder)[1]
    (folder / "focal.py").unlink()
    read = parse_trial(trial.canonical_json())
    assert read == trial
    assert hash(read) == hash(trial)
    assert read.signature == trial.signature
    assert isinstance(read.method, OwnSettings)
    assert read.method.method is None
    assert (read.method.cost, read.trained_epochs) == (3, 1)


def test_the_code_is_in_the_name_and_the_file_s_place_is_not(folder: Path, tmp_path: Path) -> None:
    before = trials(folder)[1].signature
    (folder / "focal.py").rename(folder / "other.py")
    moved = trials(folder, **{"./focal.py": "./other.py"})[1].signature
    (folder / "other.py").rename(folder / "focal.py")
    (folder / "focal.py").write_text(FOCAL + "\n# another thought\n")
    edited = trials(folder)[1].signature
    assert len({before, moved, edited}) == 3
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "focal.py").write_text(FOCAL)
    assert trials(elsewhere)[1].signature == before


@pytest.mark.parametrize("name", ["méthode.py", "my focal.py", ".hidden.py"])
def test_any_name_of_a_file_will_do(folder: Path, name: str) -> None:
    (folder / "focal.py").rename(folder / name)
    (folder / "study.yaml").write_text(STUDY.replace("./focal.py@Focal", f'"./{name}@Focal"'))
    study = load_study(str(folder / "study.yaml"))
    assert len(study.trials()) == 3
    assert list(study.sources["Focal"].files) == ["_code.py"]


def test_an_explicit_version_stands_for_the_code(folder: Path) -> None:
    (folder / "focal.py").write_text('version = "1"\n' + FOCAL)
    before = trials(folder)[1].signature
    (folder / "focal.py").write_text('version = "1"\n' + FOCAL + "\n# another thought\n")
    assert trials(folder)[1].signature == before
    (folder / "focal.py").write_text('version: str = "2"\n' + FOCAL)
    assert trials(folder)[1].signature != before


def test_files_that_it_uses_are_part_of_its_code(folder: Path) -> None:
    text = FOCAL.replace("class Focal", "from .weights import POWER\n\n\nclass Focal")
    (folder / "focal.py").write_text('uses = ["weights.py"]\n' + text)
    (folder / "weights.py").write_text("POWER = 1\n")
    before = trials(folder)[1].signature
    (folder / "weights.py").write_text("POWER = 2\n")
    assert trials(folder)[1].signature != before
    (folder / "focal.py").write_text(text)
    with pytest.raises(UserError, match=r"imports weights\.py.*uses = \['weights\.py'\]"):
        trials(folder)


def test_a_source_is_found_without_running_it(folder: Path) -> None:
    (folder / "focal.py").write_text("raise SystemExit('it was run')\n" + FOCAL)
    source = find_source("./focal.py@Focal", folder)
    assert source.name == "Focal"
    assert source.code is not None
    assert list(source.files) == ["focal.py"]


def test_nothing_of_the_user_s_folder_hides_ours(folder: Path) -> None:
    """A project may have a `trainers` of its own; the folder is never on the path."""
    (folder / "trainers").mkdir()
    (folder / "trainers" / "__init__.py").write_text("raise SystemExit('shadowed')")
    code = (
        "import sys; from search_spaces.study import load_study; load_study(sys.argv[1]).trials()"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(folder / "study.yaml")],
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(folder.rglob("__pycache__")) == [], "nothing is written beside it"


@pytest.mark.parametrize(
    ("changes", "code", "expected"),
    [
        ({}, FOCAL.replace("class Focal", "class Fokal"), ["no Focal", "did you mean Fokal"]),
        ({}, FOCAL.replace("class Focal(", "class Focal(("), ["focal.py, line 8", "not Python"]),
        (
            {},
            FOCAL.replace("from trainers.methods.losses", "from loses"),
            ["focal.py, line 4"],
        ),
        ({}, FOCAL + "raise SystemExit(3)\n", ["focal.py, line 21", "SystemExit: 3"]),
        ({}, FOCAL.replace("def step", "def stp"), ["Focal", "it has no step"]),
        ({}, FOCAL.replace("(MethodSettings)", ""), ["Focal", "MethodSettings"]),
        ({}, FOCAL.replace("gamma:", "lr:"), ["option lr is a setting of every trial"]),
        ({}, FOCAL.replace("gamma:", "epochs:"), ["option epochs is a setting of every trial"]),
        ({}, FOCAL.replace("rounds: Count = 1", "rounds: list = []"), ["default of rounds"]),
        ({"@Focal": "@cat"}, FOCAL, ["cat", "a shipped method has this name"]),
        ({"./focal.py": "./none.py"}, FOCAL, ["Focal", "no file", "none.py"]),
        ({"@Focal": ""}, FOCAL, ["./focal.py", "./file.py@Name"]),
        ({"./focal.py@Focal": "nowhere/mixout"}, FOCAL, ["nowhere/mixout", "pip install nowhere"]),
        ({"gamma: [1, 2.0]": "gamma: [-1]"}, FOCAL, ["method Focal: gamma", "got -1"]),
        ({"gamma: [1, 2.0]": "gama: [1]"}, FOCAL, ["unknown axis 'gama'", "did you mean 'gamma'"]),
        ({"gamma: [1, 2.0]": "rounds: [1.5]"}, FOCAL, ["method Focal: rounds", "got 1.5"]),
        ({}, FOCAL.replace("rounds: Count", "name: str = ''\n    rounds: Count"), ["option name"]),
        ({}, FOCAL.replace("rounds: Count", 'rounds: "Nope"'), ["method Focal", "Nope"]),
        ({}, FOCAL.replace("by_example = True", "cost = -5"), ["cost must be", "got -5"]),
        ({}, FOCAL.replace('"Focal loss"', "['a']"), ["title must be a text"]),
        ({}, FOCAL.replace("by_example = True", "style = 'red'"), ["catsweep.Style", "got str"]),
        ({}, FOCAL + "raise GeneratorExit\n", ["focal.py, line 21", "GeneratorExit"]),
        ({}, "version = {1, 'a'}\n" + FOCAL, ["version", "text or a number"]),
        ({}, "version = {[]: 1}\n" + FOCAL, ["version must be a constant"]),
        ({}, "x = " + "-" * 200_000 + "1\n" + FOCAL, ["focal.py", "not Python"]),
        ({}, "uses = [1 + x]\n" + FOCAL, ["focal.py, line 1", "uses must be a constant"]),
        ({}, "uses = ['../x.py']\n" + FOCAL, ["uses", "not a Python file beside it"]),
        ({}, "uses = ['absent.py']\n" + FOCAL, ["uses", "absent.py"]),
        ({"[standard,": "[standard, ./b/focal.py@Focal,"}, FOCAL, ["two methods are called Focal"]),
    ],
)
def test_what_is_no_method_is_told_in_one_line(
    folder: Path, changes: dict[str, str], code: str, expected: list[str]
) -> None:
    (folder / "focal.py").write_text(code)
    (folder / "b").mkdir()
    (folder / "b" / "focal.py").write_text(code + "\n# other\n")
    with pytest.raises(UserError) as error:
        trials(folder, **changes)
    for part in expected:
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_a_type_that_changes_a_value_is_refused(folder: Path) -> None:
    """Reports, which do not run it, would look for trials of another name."""
    validator = """
    from pydantic import field_validator

    @field_validator("gamma")
    @classmethod
    def _double(cls, value):
        return 2 * value
"""
    (folder / "focal.py").write_text(FOCAL + validator)
    with pytest.raises(UserError, match=r"gamma: its type changes 1\.0 to 2\.0"):
        trials(folder)


def plugin(folder: Path, version: str = "1.0", name: str = "Mixout") -> None:
    """Install a package that offers a method, as pip would have it."""
    package, info = folder / "some_package", folder / f"some_package-{version}.dist-info"
    package.mkdir(exist_ok=True)
    info.mkdir()
    (package / "__init__.py").write_text(FOCAL.replace("class Focal", "class Mixout"))
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: some-package\nVersion: {version}\n"
    )
    (info / "entry_points.txt").write_text(f"[catsweep]\nmixout = some_package:{name}\n")


def test_an_installed_package_offers_methods_by_entry_points(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    plugin(site)
    monkeypatch.syspath_prepend(str(site))
    source = find_source("some-package/mixout", folder)
    method = import_method(source)
    assert (method.name, method.title, list(method.options)) == (
        "mixout",
        "Focal loss",
        ["gamma", "rounds"],
    )
    with pytest.raises(UserError, match="some-package has no method of this name; did you mean mi"):
        find_source("some-package/mixot", folder)
    (site / "some_package-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: some-package\nVersion: 1.1\n"
    )
    assert find_source("some_package/mixout", folder).code != source.code, "its version is its name"


def test_what_a_file_prints_is_no_part_of_a_command_s_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "focal.py").write_text(FOCAL + "print('hello')\n")
    with pytest.warns(UserWarning, match="method Focal: its file prints when it is read: hello"):
        load_object(find_source("./focal.py@Focal", tmp_path))
    assert capsys.readouterr().out == ""
