"""Asks the Ray cluster at an address who it is; a program of its own, for Ray may end or hang.

In: the address. Out: two lines on standard output: where Ray looks for the cluster, and what it
answers; nothing more once SECONDS are over. It imports nothing of this project, and is run by path.
"""

import os
import socket
import sys
import threading

SECONDS = 12.0
NODE_SECONDS = 5
OK, REFUSED, ABSENT, ELSEWHERE = "ok", "refused", "absent", "elsewhere"


def main(address: str) -> str:
    """Ask as `ray.init` would; return the answer, with the reason where there is one."""
    import ray
    from ray._private import services
    from ray._private.authentication import authentication_token_setup as tokens

    clock = threading.Timer(SECONDS, os._exit, [0])
    clock.daemon = True
    clock.start()
    where = ""
    try:
        try:
            where = services.canonicalize_bootstrap_address(address) or ""
        finally:
            print(where, flush=True)  # noqa: T201
        host, _, port = where.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS).close()
        if address == "auto":
            tokens.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
        client = ray._raylet.GcsClient(address=where)
        client.internal_kv_get(b"session_name", b"session", timeout=SECONDS)
    except ray.exceptions.AuthenticationError:
        return REFUSED
    except Exception as error:
        return f"{ABSENT} {error}"
    try:
        # A node that has just been started takes some seconds to be one.
        services.get_node_to_connect_for_driver(client, timeout_seconds=NODE_SECONDS)
    except RuntimeError:
        return ELSEWHERE
    return OK


if __name__ == "__main__":
    print(" ".join(main(sys.argv[1]).split()), flush=True)  # noqa: T201
    os._exit(0)
