"""A hub with datasets on this machine: the part of the Hugging Face hub's protocol that is used.

In: datasets, which may change while the server runs. Out: an address for HF_ENDPOINT.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

Files = Mapping[str, bytes]


class Hub:
    """Datasets by name; each has branches, and each branch the files of its last commit.

    While `failing` is set, every request is answered with that status.
    """

    def __init__(self) -> None:
        self.branches: dict[str, dict[str, Files]] = {}
        self.commits: dict[tuple[str, str], Files] = {}
        self.failing: int | None = None
        self.requests: list[str] = []

    def push(self, name: str, files: Files, branch: str = "main") -> str:
        """Commit files to a branch; return the commit."""
        content = json.dumps({key: value.hex() for key, value in sorted(files.items())})
        commit = hashlib.sha1(f"{name} {content}".encode()).hexdigest()
        self.commits[name, commit] = dict(files)
        self.branches.setdefault(name, {})[branch] = dict(files)
        return commit

    def find(self, name: str, revision: str) -> tuple[str, Files] | None:
        """Return the commit and the files of a revision, or None."""
        if (name, revision) in self.commits:
            return revision, self.commits[name, revision]
        files = self.branches.get(name, {}).get(revision)
        if files is None:
            return None
        return next(c for (n, c), f in self.commits.items() if n == name and f == files), files


@contextmanager
def serve(hub: Hub) -> Iterator[str]:
    """Serve a hub on a free port; yields the address."""

    class Handler(_Handler):
        """Requests to this hub."""

        served = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    served: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def _answer(self, body: bytes = b"") -> None:
        hub, path = self.served, unquote(urlsplit(self.path).path)
        hub.requests.append(f"{self.command} {path}")
        if hub.failing:
            self._send(hub.failing, b"{}")
        elif found := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._info(found[1], found[2] or "main")
        elif found := re.fullmatch(
            r"/api/datasets/([^/]+/[^/]+)/(tree|paths-info)/([^/]+)/?(.*)", path
        ):
            self._list(found[1], found[3], body if found[2] == "paths-info" else None)
        elif found := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._file(*found.groups())
        else:
            self._send(200 if path == "/" else 404, b"{}")

    def _info(self, name: str, revision: str) -> None:
        found = self._find(name, revision)
        if found:
            siblings = [{"rfilename": file} for file in found[1]]
            self._send_json({"id": name, "sha": found[0], "siblings": siblings, "tags": []})

    def _list(self, name: str, revision: str, asked: bytes | None) -> None:
        found = self._find(name, revision)
        if not found:
            return
        wanted = None
        if asked is not None:
            wanted = set(json.loads(asked)["paths"])
        self._send_json(
            [
                {"type": "file", "path": file, "size": len(data), "oid": _etag(data)}
                for file, data in found[1].items()
                if wanted is None or file in wanted
            ]
        )

    def _file(self, name: str, revision: str, file: str) -> None:
        found = self._find(name, revision)
        if not found:
            return
        if file not in found[1]:
            self._send(404, b"Entry not found", {"X-Error-Code": "EntryNotFound"})
            return
        data = found[1][file]
        headers = {"ETag": f'"{_etag(data)}"', "X-Repo-Commit": found[0], "Accept-Ranges": "bytes"}
        self._send(200, data, headers)

    def _find(self, name: str, revision: str) -> tuple[str, Files] | None:
        found = self.served.find(name, revision)
        if found is None:
            code = "RevisionNotFound" if name in self.served.branches else "RepoNotFound"
            self._send(404, b"{}", {"X-Error-Code": code})
        return found

    def _send_json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _etag(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()
