"""One optimizer step of each contender, on the same batches of the same tokenised task.

Ours: every method, packed; `cat@one-grid` attends on one grid per batch. `literal-cat`: CAT as one
would write it from the paper, padded to the longest example, with a full backward for the attack
and V perturbed in place. `trainer-*`: the Hugging Face Trainer's own step of ordinary fine-tuning,
padded to the longest example, or to 128.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertForSequenceClassification, Trainer, TrainingArguments

from search_spaces.method import MethodSettings
from search_spaces.methods import METHODS, settings_type
from trainers.encoders import grids
from trainers.encoders.batches import Inputs, Ints, collate
from trainers.encoders.classifier import Classifier
from trainers.methods.load import get_step
from trainers.methods.step import Training
from trainers.optimizer import parameter_groups
from trainers.prepared import Prepared

LR = 1e-4
SETTINGS = {"epsilon": 0.005, "tau": 0.1, "lambda": 0.3}
SETTINGS |= {"adv_lr": 0.1, "init_mag": 0.1, "max_norm": 0.3, "steps": 2}
Step = Callable[[Ints], None]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What all contenders share."""

    prepared: Prepared
    precision: str

    def autocast(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16")


def settings_of(method: str) -> MethodSettings:
    """Build a method's settings from the values for its options here."""
    kind = settings_type(method)
    names = [info.alias or name for name, info in kind.model_fields.items()]
    return kind.model_validate({name: SETTINGS[name] for name in names if name in SETTINGS})


def our_step(bench: Bench, method: str) -> Step:
    """Return our step of a method, as `trainers.loop` takes it."""
    settings = settings_of(method)
    model = Classifier(
        bench.prepared.encoder.fresh(),
        n_classes=len(bench.prepared.labels),
        proj_dim=getattr(settings, "proj_dim", None),
    ).train()
    groups = parameter_groups(model, 0.01, decay_all=False)
    optimizer = torch.optim.AdamW(groups, lr=LR, fused=True)

    def update() -> None:
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    training = Training(step=0, random=torch.Generator(), update=update)

    def step(rows: Ints) -> None:
        batch = collate(bench.prepared.inputs["train"], rows)
        with bench.autocast():
            get_step(method)(model, batch, settings, training)
        update()

    return step


def on_one_grid(bench: Bench) -> Step:
    """Return our CAT step with attention on a single grid, padded to the batch's longest."""
    step = our_step(bench, "cat")

    def dear(rows: Ints) -> None:
        with patch.object(grids, "COST", float("inf")):
            step(rows)

    return dear


def padded(inputs: Inputs, rows: Ints, length: int | None) -> dict[str, Tensor]:
    """Pad a batch to `length` tokens, or to its longest, as a data collator does."""
    spans = [slice(inputs.starts[row], inputs.starts[row + 1]) for row in rows]
    longest = length or max(span.stop - span.start for span in spans)
    shape = (len(rows), longest)
    ids, types, mask = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    for place, span in enumerate(spans):
        width = span.stop - span.start
        ids[place, :width] = inputs.tokens_S[span]
        types[place, :width] = inputs.types_S[span]
        mask[place, :width] = 1
    arrays = {"input_ids": ids, "token_type_ids": types, "attention_mask": mask}
    labels = {"labels": torch.from_numpy(inputs.labels_N[rows])}
    return {name: torch.from_numpy(array) for name, array in arrays.items()} | labels


def literal_cat(bench: Bench) -> Step:
    """Return CAT written literally from the paper, with the default AdamW."""
    model = Classifier(
        bench.prepared.encoder.fresh(),
        n_classes=len(bench.prepared.labels),
        proj_dim=300,
        packed=False,
    ).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.01)
    v_VD = model.encoder.get_input_embeddings().weight

    def states(batch: dict[str, Tensor]) -> Tensor:
        inputs = {name: batch[name] for name in ("input_ids", "token_type_ids", "attention_mask")}
        hidden: Tensor = model.encoder(**inputs).last_hidden_state
        return hidden[:, 0]

    def step(rows: Ints) -> None:
        batch = padded(bench.prepared.inputs["train"], rows, None)
        with bench.autocast():
            h_BD = states(batch)
            clean = functional.cross_entropy(model.classify(h_BD).float(), batch["labels"])
        optimizer.zero_grad()
        torch.autograd.backward(clean, retain_graph=True)
        r_VD = SETTINGS["epsilon"] * v_VD.grad.sign()
        optimizer.zero_grad()
        attacked = {"encoder.embeddings.word_embeddings.weight": v_VD + r_VD}
        with bench.autocast():
            other_BD = torch.func.functional_call(Under(model, states), attacked, (batch,))
            adversarial = functional.cross_entropy(
                model.classify(other_BD).float(), batch["labels"]
            )
            z = torch.cat([model.project(h_BD), model.project(other_BD)]).float()
        z = functional.normalize(z, dim=-1)
        near = (z @ z.T / SETTINGS["tau"]).fill_diagonal_(float("-inf"))
        pairs = torch.arange(len(z)).roll(len(z) // 2)
        contrast = functional.cross_entropy(near, pairs)
        share = SETTINGS["lambda"]
        torch.autograd.backward((1 - share) / 2 * (clean + adversarial) + share * contrast)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


class Under(nn.Module):
    """The encoder of a classifier, called by `states` while its weights are replaced."""

    def __init__(self, model: Classifier, states: Callable[[dict[str, Tensor]], Tensor]) -> None:
        super().__init__()
        self.encoder = model.encoder
        self.states = states

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.states(batch)


def trainer_step(bench: Bench, length: int | None) -> Step:
    """Return the Hugging Face Trainer's own step, with its default optimizer and clipping."""
    config = bench.prepared.encoder.model.config.__class__.from_dict(
        bench.prepared.encoder.model.config.to_dict() | {"num_labels": len(bench.prepared.labels)}
    )
    config._attn_implementation = "sdpa"
    model = BertForSequenceClassification(config)
    model.bert.load_state_dict(bench.prepared.encoder.model.state_dict(), strict=False)
    arguments = TrainingArguments(
        output_dir=tempfile.mkdtemp(),
        learning_rate=LR,
        weight_decay=0.01,
        use_cpu=True,
        bf16=bench.precision == "bf16",
        report_to=[],
    )
    trainer = Trainer(model=model, args=arguments)
    trainer.create_optimizer_and_scheduler(num_training_steps=10**6)
    trainer.current_gradient_accumulation_steps = 1
    model.train()

    def step(rows: Ints) -> None:
        batch: dict[str, Any] = dict(padded(bench.prepared.inputs["train"], rows, length))
        trainer.training_step(model, batch)
        trainer.accelerator.clip_grad_norm_(model.parameters(), arguments.max_grad_norm)
        trainer.optimizer.step()
        trainer.lr_scheduler.step()
        model.zero_grad()

    return step


def contenders(bench: Bench, names: Sequence[str]) -> dict[str, Step]:
    """Build the named contenders."""
    makers: dict[str, Callable[[], Step]] = {
        **{method: partial(our_step, bench, method) for method in METHODS},
        "cat@bf16": partial(our_step, replace(bench, precision="bf16"), "cat"),
        "cat@one-grid": partial(on_one_grid, bench),
        "literal-cat": partial(literal_cat, bench),
        "trainer-longest": partial(trainer_step, bench, None),
        "trainer-128": partial(trainer_step, bench, 128),
    }
    return {name: makers[name]() for name in names or makers}
