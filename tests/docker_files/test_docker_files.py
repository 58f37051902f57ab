"""docker/: checked as text, without a docker daemon."""

import re
import shlex
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
PACKAGES = {"orchestrator", "reports", "search_spaces", "trainers"}
BUILD_FILES = {"LICENSE", "README.md", "constraints.txt", "pyproject.toml"}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's (keyword, arguments), comments dropped and continued lines joined."""
    lines = (DOCKER / "Dockerfile").read_text("utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    joined = text.replace("\\\n", " ")
    pairs = (line.strip().partition(" ") for line in joined.splitlines() if line.strip())
    return [(keyword, arguments.strip()) for keyword, _, arguments in pairs]


def arguments_of(keyword: str) -> list[str]:
    return [arguments for found, arguments in instructions() if found == keyword]


def copied() -> list[str]:
    sources = (shlex.split(arguments)[:-1] for arguments in arguments_of("COPY"))
    return [source for group in sources for source in group]


def reaches_the_build(path: str) -> bool:
    """What .dockerignore says of a path: the last pattern that matches it or a parent decides."""
    parts = Path(path).parts
    paths = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    kept = True
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        anywhere = pattern.removeprefix("**/") if pattern.startswith("**/") else None
        if any(fnmatch(p, pattern) for p in paths) or (
            anywhere is not None and any(fnmatch(part, anywhere) for part in parts)
        ):
            kept = line.startswith("!")
    return kept


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


def command_of(service: dict[str, Any]) -> str:
    return " ".join([*service["entrypoint"], *service.get("command", [])])


def test_copied_files_exist_and_reach_the_build() -> None:
    assert set(copied()) == BUILD_FILES | PACKAGES
    assert [source for source in copied() if not (ROOT / source).exists()] == []
    assert [source for source in copied() if not reaches_the_build(source)] == []


def test_the_shipped_data_reaches_the_build() -> None:
    assert reaches_the_build("trainers/corpora/library/train.csv")


@pytest.mark.parametrize(
    "path",
    ["docker/ray-token", ".git/config", ".env", "catsweep-store/trials", "tests", "shared/data"],
)
def test_secrets_and_data_stay_out_of_the_build(path: str) -> None:
    assert not reaches_the_build(path)


def test_caches_stay_out_of_the_build() -> None:
    assert not reaches_the_build("trainers/__pycache__/store.cpython-311.pyc")


def test_the_image_is_pinned_and_ends_as_a_plain_user() -> None:
    assert arguments_of("FROM") == ["${PYTHON_IMAGE}"]
    assert instructions()[0] == ("ARG", "PYTHON_IMAGE=python:3.11-slim")  # Or name@sha256:DIGEST.
    assert arguments_of("USER") == ["catsweep"]
    keywords = [keyword for keyword, _ in instructions()]
    assert keywords.index("USER") > max(i for i, word in enumerate(keywords) if word == "RUN")
    assert arguments_of("ENTRYPOINT") == ['["catsweep"]']


def test_every_install_follows_the_constraints() -> None:
    installs = [run for run in arguments_of("RUN") if "pip install" in run]
    assert len(installs) == 3
    assert [run for run in installs if "--constraint constraints.txt" not in run] == []


def test_torch_comes_from_the_index_of_the_build_argument() -> None:
    assert "TORCH_INDEX=https://download.pytorch.org/whl/cpu" in arguments_of("ARG")
    torch = [run for run in arguments_of("RUN") if run.endswith(" torch")]
    assert len(torch) == 1
    assert '--index-url "${TORCH_INDEX}"' in torch[0]


def test_a_changed_source_file_rebuilds_only_the_last_layer() -> None:
    steps = [f"{keyword} {arguments}" for keyword, arguments in instructions()]
    last_download = max(i for i, step in enumerate(steps) if "--requirement" in step)
    first_source = min(i for i, step in enumerate(steps) if step.startswith("COPY search_spaces"))
    assert last_download < first_source


def test_the_docker_folder_is_no_package() -> None:
    assert not (DOCKER / "__init__.py").exists()


def test_the_services(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == {"head", "worker", "worker-cuda", "sweep"}
    assert {service["image"] for service in services.values()} == {"catsweep"}
    assert services["head"]["build"]["dockerfile"] == "docker/Dockerfile"
    assert services["worker-cuda"]["profiles"] == ["cuda"]


def test_every_service_mounts_the_one_store_at_the_same_path(
    compose: dict[str, Any], services: dict[str, dict[str, Any]]
) -> None:
    assert list(compose["volumes"]) == ["store"]
    for service in services.values():
        assert service["volumes"] == ["store:/store", "${DATA_DIR:-./data}:/data:ro"]
        assert service["environment"]["CATSWEEP_DATA"] == "/data"


def test_nothing_is_reachable_from_outside(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        assert not {"ports", "network_mode", "privileged", "cap_add"} & set(service)
        assert service["cap_drop"] == ["ALL"]


def test_every_service_authenticates_with_the_shared_token(
    compose: dict[str, Any], services: dict[str, dict[str, Any]]
) -> None:
    assert list(compose["secrets"]) == ["ray_token"]
    for service in services.values():
        environment = service["environment"]
        assert environment["RAY_AUTH_MODE"] == "token"
        assert environment["RAY_AUTH_TOKEN_PATH"] == "/run/secrets/ray_token"
        assert "RAY_AUTH_TOKEN" not in environment
        assert service["secrets"] == ["ray_token"]
    assert "/ray-token" in (DOCKER / ".gitignore").read_text("utf-8").splitlines()


def test_the_object_store_fits_into_shared_memory(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        assert service["shm_size"] == "2gb"
        sizes = re.findall(r"--object-store-memory=(\d+)", command_of(service))
        assert [int(size) for size in sizes] == [10**9]


def test_nodes_wait_for_a_healthy_head(services: dict[str, dict[str, Any]]) -> None:
    assert "ray status --address=head:6379" in " ".join(services["head"]["healthcheck"]["test"])
    assert "--head --block --port=6379 --num-cpus=0" in command_of(services["head"])
    for name in ("worker", "worker-cuda", "sweep"):
        assert services[name]["depends_on"]["head"] == {"condition": "service_healthy"}
        assert "ray start" in command_of(services[name])
        assert "--address=head:6379" in command_of(services[name])


def test_workers_can_be_scaled(services: dict[str, dict[str, Any]]) -> None:
    for name in ("worker", "worker-cuda"):
        assert "container_name" not in services[name]
        assert "hostname" not in services[name]


def test_the_sweep_joins_without_cpus_and_runs_the_study(
    services: dict[str, dict[str, Any]],
) -> None:
    join, run = command_of(services["sweep"]).split(" && ")
    assert "--num-cpus=0" in join
    assert run.split() == [
        *("exec", "catsweep", "run", "${STUDY:-quickstart}"),
        *("--store", "/store", "--address", "auto", "${RUN_OPTIONS:-}"),
    ]


def test_the_readme_lists_every_setting() -> None:
    used = set(re.findall(r"\$\{(\w+):-", (DOCKER / "compose.yaml").read_text("utf-8")))
    described = re.findall(r"^\| ([A-Z_]+) \|", (DOCKER / "README.md").read_text("utf-8"), re.M)
    assert set(described) == used
