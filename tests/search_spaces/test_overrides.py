"""Axes over any option or setting, and a method's own settings, axes and seeds."""

import pytest

from search_spaces.errors import UserError
from search_spaces.study import parse_study
from search_spaces.trial import TrialConfig

TEXT = """
name: sample
tasks: [library]
encoders: [tiny]
methods: [standard, at, cat]
axes:
  lr: [1e-4, 2e-4]
  epsilon: [1e-3, 5e-3]
  tau: [0.1]
  lambda: [0.3]
seeds: [0, 1]
epochs: 3
"""


def trials(extra: str = "", *, axes: str = "") -> list[TrialConfig]:
    text = TEXT.replace("seeds:", f"{axes}\nseeds:") + extra
    return parse_study(text, source="sample").trials()


def of(method: str, found: list[TrialConfig]) -> list[TrialConfig]:
    return [trial for trial in found if trial.method.name == method]


def complaint(extra: str = "", *, axes: str = "") -> str:
    with pytest.raises(UserError) as caught:
        trials(extra, axes=axes)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("study sample: ")


def test_an_axis_may_hold_words_and_truths() -> None:
    found = trials(axes="  norm: [max, l2, mix]\n  detach_clean: [no, yes]")
    assert {t.point.get("norm", "max") for t in of("at", found)} == {"max", "l2", "mix"}
    assert len(of("at", found)) == 2 * 2 * 2 * 3
    assert len(of("cat", found)) == 2 * 2 * 2 * 3 * 2
    lines = [trial.describe() for trial in found]
    assert len(set(lines)) == len(lines)
    assert (
        "library tiny cat epsilon=0.001 norm=mix tau=0.1 lambda=0.3 detach_clean=true"
        in " ".join(lines)
    )


def test_a_bare_off_in_yaml_is_the_word() -> None:
    found = of("at", trials(axes="  adv_dropout: [fresh, shared, off]"))
    assert {t.point.get("adv_dropout", "fresh") for t in found} == {"fresh", "shared", "off"}


def test_a_training_setting_may_be_an_axis_of_all_methods() -> None:
    found = trials(axes="  batch_size: [16, 32]\n  head: [linear, native]")
    for method in ("standard", "at", "cat"):
        points = {(t.batch_size, t.head) for t in of(method, found)}
        assert points == {(16, "linear"), (16, "native"), (32, "linear"), (32, "native")}
    assert len(of("standard", found)) == 2 * 2 * 4
    assert [t.lr for t in of("standard", found)][:8] == [1e-4] * 8, "lr is the slowest, as it was"
    assert len({trial.describe() for trial in found}) == len(found)


def test_an_override_replaces_settings_axes_and_seeds_of_its_method_alone() -> None:
    plain = trials()
    found = trials(
        "overrides:\n"
        "  standard: {epochs: 10, seeds: [0, 1, 2, 3], lr: [5e-4], betas: [0.9, 0.98]}\n"
        "  at: {epsilon: [2e-2], norm: l2, warmup: [0.0, 0.1]}\n"
    )
    assert of("cat", found) == of("cat", plain)
    standard, at = of("standard", found), of("at", found)
    assert [trial.seed for trial in standard] == [0, 1, 2, 3]
    assert {(t.epochs, t.lr, t.betas) for t in standard} == {(10, 5e-4, (0.9, 0.98))}
    assert {(t.epochs, t.seed, t.lr) for t in at} == {
        (3, s, lr) for s in (0, 1) for lr in (1e-4, 2e-4)
    }
    assert {(t.point["epsilon"], t.point["norm"]) for t in at} == {(0.02, "l2")}
    assert {t.warmup for t in at} == {0.0, 0.1}
    assert len(at) == 2 * 2 * 2


def test_equal_betas_are_two_numbers_of_one_value() -> None:
    found = of("at", trials("overrides: {at: {betas: [0.9, 0.9]}}"))
    assert {trial.betas for trial in found} == {(0.9, 0.9)}


def test_an_override_beats_an_axis_over_the_same_setting() -> None:
    found = trials("overrides: {at: {batch_size: 8}}", axes="  batch_size: [16, 32]")
    assert {t.batch_size for t in of("at", found)} == {8}
    assert {t.batch_size for t in of("cat", found)} == {16, 32}


def test_an_override_may_give_what_the_axes_lack() -> None:
    text = TEXT.replace("  tau: [0.1]\n", "") + "overrides: {cat: {tau: 0.2}}"
    found = parse_study(text, source="sample").trials()
    assert {t.point["tau"] for t in of("cat", found)} == {0.2}


def test_micro_batches_for_the_methods_that_can_be_cut() -> None:
    assert "method at as set here" in complaint("micro_batch: 8")
    found = trials("overrides: {standard: {micro_batch: 8}}")
    assert {t.micro_batch for t in of("standard", found)} == {8}
    assert {t.micro_batch for t in of("at", found)} == {None}


def test_null_is_a_value() -> None:
    found = trials(axes="  norm: [mix]\n  eps_l2: [null, 0.5]\n  micro_batch: [null]")
    assert {t.point.get("eps_l2") for t in of("at", found)} == {None, 0.5}


@pytest.mark.parametrize(
    ("extra", "axes", "expected"),
    [
        ("overrides: {att: {epochs: 1}}", "", ["method of overrides 'att'", "did you mean 'at'"]),
        ("overrides: {scl: {epochs: 1}}", "", ["method of overrides 'scl'", "known: standard"]),
        ("overrides: {at: {epoch: 1}}", "", ["key of overrides.at 'epoch'", "mean 'epochs'"]),
        ("overrides: {at: {seed: 1}}", "", ["key of overrides.at 'seed'", "did you mean 'seeds'"]),
        ("overrides: {at: {tau: 0.1}}", "", ["key of overrides.at 'tau'"]),
        ("overrides: {standard: {epsilon: 1}}", "", ["key of overrides.standard 'epsilon'"]),
        ("overrides: {at: {lambda: 0.1}}", "", ["overrides.at 'lambda': only cat, scl have that"]),
        ("overrides: {at: {epsilon: []}}", "", ["overrides.at 'epsilon'", "empty"]),
        ("overrides: {at: {seeds: [1, 1]}}", "", ["overrides.at 'seeds'", "1 twice"]),
        ("overrides: {at: {seeds: [-1]}}", "", ["seed: input should be greater than", "got -1"]),
        ("overrides: {at: {epochs: yes}}", "", ["epochs: input should be a number, got True"]),
        ("overrides: {at: {norm: l1}}", "", ["method.norm", "'max', 'l2' or 'mix'", "got 'l1'"]),
        ("overrides: {at: {n_per_class: 3}}", "", ["decides which examples are compared"]),
        ("overrides: {at: {epsilon: {a: 1}}}", "", ["overrides.at.epsilon.0: input should be one"]),
        ("", "  norm: [[max]]", ["axes.norm.0: input should be one word or number"]),
        ("overrides: {at: 3}", "", ["overrides.at: input should be keys and values, got 3"]),
        ("overrides: [at]", "", ["overrides: input should be keys and values, got ['at']"]),
        ("", "  select_on: [dev, heldout]", ["axis 'select_on'", "set it for the whole study"]),
        ("", "  epochs: [1, 2]", ["epochs is both under axes and beside them"]),
        ("", "  norm: [max, l1]", ["method.norm", "got 'l1'"]),
        ("", "  norms: [max]", ["axis 'norms'", "did you mean 'norm'"]),
        ("", "  batchsize: [8]", ["axis 'batchsize'", "did you mean 'batch_size'"]),
        ("", "  betas: [0.9, 0.98]", ["unknown axis 'betas'"]),
        ("", "  l2_scope: [row]", ["l2_scope has no effect with norm: max"]),
        ("", "  norm: [max, l2]\n  eps_l2: [0.1]", ["eps_l2 has no effect with norm: max"]),
        ("", "  perturb_special: [2]", ["perturb_special", "boolean"]),
        ("", "  adv_begin_step: [-1]", ["adv_begin_step", "greater than or equal to 0"]),
        ("head: poolr", "", ["head", "'linear' or 'native'"]),
    ],
)
def test_a_wrong_axis_or_override_gives_one_line(
    extra: str, axes: str, expected: list[str]
) -> None:
    message = complaint(extra, axes=axes)
    for part in expected:
        assert part in message


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("lr: [1e-4, 2e-4]", "lr: [yes]", "lr"),
        ("epsilon: [1e-3, 5e-3]", "epsilon: [no]", "epsilon"),
        ("seeds: [0, 1]", "seeds: [yes]", "seeds"),
        ("epochs: 3", "epochs: yes", "epochs"),
    ],
)
def test_a_boolean_is_no_number_in_a_study(old: str, new: str, key: str) -> None:
    with pytest.raises(UserError, match=f"{key}.*: input should be a number, got (True|False)"):
        parse_study(TEXT.replace(old, new), source="sample")


def test_zeros_of_either_sign_are_one_point() -> None:
    with pytest.raises(UserError, match=r"'epsilon' contains -0\.0 twice"):
        parse_study(TEXT.replace("[1e-3, 5e-3]", "[0.0, -0.0]"), source="sample")
