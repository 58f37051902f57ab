"""METHODS: a method's name -> its step. A new method is one file here and one line below.

Its options are a type in `search_spaces/methods.py`, which the step takes as its third argument.
"""

from collections.abc import Callable
from typing import Any

from trainers.batches import Batch
from trainers.classifier import Classifier
from trainers.methods.at import at_step
from trainers.methods.cat import cat_step
from trainers.methods.freeat import freeat_step
from trainers.methods.freelb import freelb_step
from trainers.methods.pgd import pgd_step
from trainers.methods.r3f import r3f_step
from trainers.methods.rdrop import rdrop_step
from trainers.methods.scl import scl_step
from trainers.methods.smart import smart_step
from trainers.methods.standard import standard_step
from trainers.methods.stdpp import stdpp_step
from trainers.methods.step import Losses, Training

Step = Callable[[Classifier, Batch, Any, Training], Losses]

METHODS: dict[str, Step] = {
    "standard": standard_step,
    "at": at_step,
    "cat": cat_step,
    "scl": scl_step,
    "pgd": pgd_step,
    "freeat": freeat_step,
    "freelb": freelb_step,
    "rdrop": rdrop_step,
    "r3f": r3f_step,
    "smart": smart_step,
    "stdpp": stdpp_step,
}
