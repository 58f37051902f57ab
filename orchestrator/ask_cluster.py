"""Asks whether a Ray cluster answers at an address; a separate program, since Ray may exit or hang.

In: the address. Out: two lines on standard output: the address that Ray resolves it to, and the
answer, which is missing if it takes longer than ANSWER_SECONDS. This file imports nothing of this
project, and is run by its path.
"""

import os
import socket
import sys
import threading

ANSWER_SECONDS = 12.0
NODE_SECONDS = 5
OK, REFUSED, ABSENT, NOT_A_NODE = "ok", "refused", "absent", "elsewhere"


def main(address: str) -> str:
    """Connect as `ray.init` would; return the answer, with a reason if there is one."""
    import ray
    from ray._private import services
    from ray._private.authentication import authentication_token_setup as tokens

    clock = threading.Timer(ANSWER_SECONDS, os._exit, [0])
    clock.daemon = True
    clock.start()
    resolved = ""
    try:
        try:
            resolved = services.canonicalize_bootstrap_address(address) or ""
        finally:
            print(resolved, flush=True)  # noqa: T201
        host, _, port = resolved.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_SECONDS).close()
        if address == "auto":
            tokens.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
        client = ray._raylet.GcsClient(address=resolved)
        client.internal_kv_get(b"session_name", b"session", timeout=ANSWER_SECONDS)
    except ray.exceptions.AuthenticationError:
        return REFUSED
    except Exception as error:
        return f"{ABSENT} {error}"
    try:
        # A node that was just started needs a few seconds to register.
        services.get_node_to_connect_for_driver(client, timeout_seconds=NODE_SECONDS)
    except RuntimeError:
        return NOT_A_NODE
    return OK


if __name__ == "__main__":
    print(" ".join(main(sys.argv[1]).split()), flush=True)  # noqa: T201
    os._exit(0)
