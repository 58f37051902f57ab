"""The training loop: one trial from its settings to its result. Uses neither Ray nor the disk.

In: a TrialConfig and its Prepared data and encoder. Out: a TrialResult. Between two steps
`snapshot.py` can save a TrialRun, and another process continues from it bit for bit.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from search_spaces.errors import UserError
from search_spaces.trial import TrialConfig
from trainers.encoders.batches import Ints, collate, evaluation_batches, training_order
from trainers.encoders.classifier import Classifier
from trainers.encoders.machine import environment, peak_memory, reset_peak_memory
from trainers.methods.load import load_method
from trainers.methods.step import Losses, Training
from trainers.optimizer import learning_rate, make_optimizer
from trainers.prepared import Prepared
from trainers.records.metrics import score
from trainers.records.outcome import (
    EpochRecord,
    Predictions,
    TrialRecord,
    TrialResult,
    score_records,
)

HEAD_STREAM, DROPOUT_STREAM, ORDER_STREAM, METHOD_STREAM = 1, 2, 3, 4
EVALUATION_BATCH = 128


class Diverged(Exception):
    """The training loss is no longer a finite number."""


@dataclass(kw_only=True)
class TrainingState:
    """How far a trial is: everything in a snapshot except tensors.

    `seen` counts, for each loss, the steps of this epoch that reported it.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    curve: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = -1
    train_seconds: float = 0.0
    evaluate_seconds: float = 0.0
    epoch_seconds: float = 0.0
    resumed: int = 0


def stream_seed(seed: int, stream: int) -> int:
    """Derive the seed of one random stream (heads, dropout, order) from the trial's seed."""
    return int(
        np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)[0] >> np.uint64(1)
    )


def load_parameters(model: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Copy values into the model's parameters of the same names.

    Raises:
        ValueError: the names or shapes differ from those of the parameters.
    """
    named = dict(model.named_parameters())
    if {k: v.shape for k, v in values.items()} != {k: p.shape for k, p in named.items()}:
        raise ValueError("expected exactly one value, of the same shape, for every parameter")
    with torch.no_grad():
        for name, parameter in named.items():
            parameter.copy_(values[name])


class TrialRun:
    """A trial in training: `train_epoch` until `done`, then `result`.

    `code` is the store's folder with the sources of users' own methods.
    """

    def __init__(
        self,
        config: TrialConfig,
        prepared: Prepared,
        device: torch.device,
        code: Path | None = None,
    ) -> None:
        self.config, self.prepared, self.device = config, prepared, device
        self.settings, self.step = load_method(config.method, code)
        self.progress = TrainingState()
        reset_peak_memory(device)
        self.model = self._build().to(device)
        self.optimizer = make_optimizer(self.model, config)
        self.best: dict[str, Tensor] | None = None
        self.predicted: Predictions | None = (
            None  # On the selection split, with the weights to keep.
        )
        self.loss_sums: dict[str, Tensor] = {}
        self.carried: dict[str, Tensor] = {}
        self.random = torch.Generator().manual_seed(stream_seed(config.seed, METHOD_STREAM))
        torch.manual_seed(stream_seed(config.seed, DROPOUT_STREAM))

    def _build(self) -> Classifier:
        config, encoder = self.config, self.prepared.encoder
        width, bias = self.settings.projection or (None, False)
        return Classifier(
            encoder.fresh(),
            n_classes=len(self.prepared.labels),
            proj_dim=width,
            proj_bias=bias,
            dropout=config.head_dropout,
            init_std=config.init_std,
            seed=stream_seed(config.seed, HEAD_STREAM),
            head=config.head,
            pooler=encoder.pooler,
            special_tokens=encoder.special_tokens,
        )

    @property
    def steps_per_epoch(self) -> int:
        """The number of optimizer steps of one epoch."""
        return len(self._order(0))

    @property
    def total_steps(self) -> int:
        """The number of optimizer steps of the whole trial."""
        return self.steps_per_epoch * self.config.trained_epochs

    @property
    def done(self) -> bool:
        """Whether all epochs are trained."""
        return self.progress.epoch >= self.config.trained_epochs

    def _order(self, epoch: int) -> list[Ints]:
        return training_order(
            len(self.prepared.inputs["train"]),
            self.config.batch_size,
            (self.config.seed, ORDER_STREAM, epoch),
            drop_last=self.config.drop_last,
        )

    def train_epoch(self, after_step: Callable[[], None] = lambda: None) -> EpochRecord:
        """Train the rest of the current epoch, then score the selection split.

        Raises:
            Diverged: a loss of this epoch is not finite.
        """
        order, total = self._order(self.progress.epoch), self.total_steps
        self.model.train()
        while self.progress.batch < len(order):
            with self._clock():
                self._train_step(order[self.progress.batch], total)
            after_step()
        return self._end_epoch()

    def _train_step(self, rows: Ints, total: int) -> None:
        """Train on a batch: schedule, gradients, clipping, update. Nothing waits for the device."""
        lr = learning_rate(self.config.lr, self.progress.step, total, self.config.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        training = Training(
            step=self.progress.step,
            random=self.random,
            update=self._update,
            carried=self.carried,
        )
        losses = self._add_gradients(rows, training)
        self._update()
        for name, loss in losses.items():
            self.loss_sums[name] = self.loss_sums.get(name, 0) + loss
            self.progress.seen[name] = self.progress.seen.get(name, 0) + 1
        self.progress.batch += 1
        self.progress.step += 1

    def _add_gradients(self, rows: Ints, training: Training) -> Losses:
        """Add the gradient of the batch's loss: the mean over its parts, weighted by their sizes.

        Each part adds the gradient of its own mean; the sum so far is rescaled to the size of the
        next part, and finally to that of the batch. A batch in one part is not rescaled.
        """
        size = self.config.micro_batch or len(rows)
        parts = [rows[start : start + size] for start in range(0, len(rows), size)]
        means: Losses = {}
        for number, part in enumerate(parts):
            batch = collate(self.prepared.inputs["train"], part).to(self.device)
            with self._precision():
                losses = self.step(self.model, batch, self.settings, training)
            if self.progress.step == 0:
                self._check_first(losses)
            following = len(parts[number + 1]) if number + 1 < len(parts) else len(rows)
            self._scale_gradients(len(part) / following)
            for name, loss in losses.items():
                means[name] = means.get(name, 0) + loss.double() * (len(part) / len(rows))
        return means

    def _check_first(self, losses: object) -> None:
        """Check what a method's first step did; UserError says what is missing."""
        what = f"method {self.config.method.name}: its step"
        if not isinstance(losses, dict) or not all(isinstance(v, Tensor) for v in losses.values()):
            got = type(losses).__name__
            raise UserError(f"{what} must return a dict of losses, which are tensors; got {got}")
        if all(parameter.grad is None for parameter in self.model.parameters()):
            raise UserError(f"{what} added no gradient: end it with `return backward(losses)`")

    def _scale_gradients(self, factor: float) -> None:
        if factor != 1:
            for parameter in self.model.parameters():
                if parameter.grad is not None:
                    parameter.grad.mul_(factor)

    def _update(self) -> None:
        """Clip, update the parameters, clear their gradients."""
        if self.config.max_grad_norm > 0:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    @contextmanager
    def _clock(self) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.progress.epoch_seconds += time.perf_counter() - start

    def _precision(self) -> torch.autocast:
        bf16 = self.config.precision == "bf16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16)

    def mean_losses(self) -> dict[str, float]:
        """Return each loss's mean over this epoch's steps that had it (waits for the device)."""
        seen = self.progress.seen
        return {name: float(total) / seen[name] for name, total in self.loss_sums.items()}

    def _end_epoch(self) -> EpochRecord:
        losses = self.mean_losses()
        if not all(math.isfinite(loss) for loss in losses.values()):
            raise Diverged(f"epoch {self.progress.epoch + 1}: training losses {losses}")
        start = time.perf_counter()
        predictions = self.predict(self.prepared.selection)
        value = score(
            self.prepared.metric, predictions.gold, predictions.predicted, len(self.prepared.labels)
        ).value
        record = EpochRecord(
            epoch=self.progress.epoch + 1,
            losses=losses,
            score=value,
            train_seconds=self.progress.epoch_seconds,
            evaluate_seconds=time.perf_counter() - start,
        )
        self._keep_best(record, predictions)
        self._next_epoch(record)
        return record

    def _keep_best(self, record: EpochRecord, predictions: Predictions) -> None:
        """Keep the epoch's predictions if it may be the selected one, and copy the best weights.

        Among epochs with equal scores, the earliest is best.
        """
        if self.config.select == "best_epoch":
            if record.score <= max((e["score"] for e in self.progress.curve), default=-math.inf):
                return
            self.progress.best_epoch = record.epoch
            self.best = {name: p.detach().clone() for name, p in self.model.named_parameters()}
        self.predicted = predictions

    def _next_epoch(self, record: EpochRecord) -> None:
        progress = self.progress
        progress.curve.append(record.model_dump())
        progress.train_seconds += record.train_seconds
        progress.evaluate_seconds += record.evaluate_seconds
        progress.epoch_seconds, progress.batch, progress.seen, self.loss_sums = 0.0, 0, {}, {}
        progress.epoch += 1

    @torch.inference_mode()
    def predict(self, split: str) -> Predictions:
        """Return class scores of a split's N examples (N, C), in the split's order.

        Raises:
            Diverged: a score is not finite.
        """
        inputs = self.prepared.inputs[split]
        logits = np.empty((len(inputs), len(self.prepared.labels)), dtype=np.float32)
        self.model.eval()
        for rows, batch in evaluation_batches(inputs, EVALUATION_BATCH):
            with self._precision():
                scores_BC = self.model(batch.to(self.device))
            logits[rows] = scores_BC.float().cpu().numpy()
        if not np.isfinite(logits).all():
            raise Diverged(
                f"epoch {self.progress.epoch + 1}: class scores of {split} are not finite"
            )
        return Predictions(ids=self.prepared.ids[split], gold=inputs.labels_N, logits=logits)

    def result(self) -> TrialResult:
        """Predict every split except train with the selected weights; call once, when `done`."""
        start = time.perf_counter()
        if self.best is not None:
            load_parameters(self.model, self.best)
        predictions = {}
        for split in self.prepared.inputs:
            if split == self.prepared.selection and self.predicted is not None:
                predictions[split] = self.predicted
            elif split != "train":
                predictions[split] = self.predict(split)
        self.progress.evaluate_seconds += time.perf_counter() - start
        return TrialResult(record=self._record(predictions), predictions=predictions)

    def _record(self, predictions: dict[str, Predictions]) -> TrialRecord:
        return TrialRecord(
            signature=self.config.signature,
            labels=self.prepared.labels,
            metric=self.prepared.metric,
            selection=self.prepared.selection,
            selected_epoch=self.progress.best_epoch if self.best else self.config.trained_epochs,
            scores={
                split: score_records(
                    found.gold, found.predicted, len(self.prepared.labels), self.prepared.metrics
                )
                for split, found in predictions.items()
            },
            epochs=tuple(EpochRecord.model_validate(epoch) for epoch in self.progress.curve),
            steps=self.progress.step,
            train_seconds=self.progress.train_seconds,
            evaluate_seconds=self.progress.evaluate_seconds,
            peak_memory_bytes=peak_memory(self.device),
            resumed=self.progress.resumed,
            fingerprints=dict(self.prepared.fingerprints),
            environment=environment(self.device, self.prepared.versions),
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
