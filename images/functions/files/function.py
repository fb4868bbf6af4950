"""What a function in Python needs: python3 -m function FILE runs the `handle` of a file.

    from function import answer, call

    def handle(request):
        return {"hello": request["data"]["name"]}

`request` is what the host says: id, type, attempt, time, data; and method, path, query, headers where somebody waits for the answer. What
`handle` returns is the answer; `answer(...)` gives it a status, headers, or events that follow from it. What it prints is its log. An exception is a
failure: the host tries an event again. `Refused` says that it would fail each time.
"""

import json
import os
import runpy
import sys
import traceback


class Refused(Exception):
    """Not this one, however often it is tried."""


class Answer:
    def __init__(self, body=None, status=200, headers=None, emit=None):
        self.body, self.status, self.headers, self.emit = body, status, headers or {}, emit or []


def answer(body=None, status=200, headers=None, emit=None):
    """emit is a list of (type, data): events that are taken on together with the end of this one, or not at all."""
    return Answer(body, status, headers, emit)


def call(method, url, data=None, headers=None, timeout=2.0):
    """Asks another service over HTTP with JSON. Gives (status, data); raises OSError where there is no answer."""
    import http.client  # only functions that ask somebody pay for it
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout)
    try:
        body = None if data is None else json.dumps(data)
        path = parts.path or "/"
        if parts.query:
            path += "?" + parts.query
        connection.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
        response = connection.getresponse()
        text = response.read().decode()
    except http.client.HTTPException as error:
        raise ConnectionError(f"{method} {url}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    try:
        return response.status, json.loads(text)
    except ValueError:
        return response.status, text


def redis(address, *words, timeout=2.0):
    """One command for a Redis at HOST:PORT. Gives a str, an int, None or a list of those."""
    import socket

    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port or 6379)), timeout=timeout) as connection:
        coded = [str(word).encode() for word in words]
        connection.sendall(b"*%d\r\n" % len(coded) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in coded))
        return _reply(connection.makefile("rb"))


def _reply(stream):
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("redis hung up")
    kind, text = line[:1], line[1:-2].decode()
    if kind == b"+":
        return text
    if kind == b"-":
        raise RuntimeError("redis: " + text)
    if kind == b":":
        return int(text)
    if kind == b"$":
        if text == "-1":
            return None
        return stream.read(int(text) + 2)[:-2].decode()
    if kind == b"*":
        return None if text == "-1" else [_reply(stream) for _ in range(int(text))]
    raise RuntimeError("redis said " + repr(line))


def serve(handle, requests, out):
    for line in requests:
        try:
            given = handle(json.loads(line))
            if not isinstance(given, Answer):
                given = Answer(given)
            said = {"status": given.status, "body": given.body, "headers": given.headers,
                    "emit": [{"type": kind, "data": data} for kind, data in given.emit]}
        except Refused as refused:
            said = {"status": 422, "error": str(refused) or "refused", "final": True}
        except Exception as error:
            traceback.print_exc()
            said = {"status": 500, "error": f"{type(error).__name__}: {error}"}
        out.write(json.dumps(said) + "\n")
        out.flush()


def main(path):
    import function  # this module, as the learner's file knows it: their Refused is to be ours

    sys.stdout.reconfigure(line_buffering=True)
    with os.fdopen(3, "w") as out:
        handle = runpy.run_path(path)["handle"]
        out.write("ready\n")
        out.flush()
        function.serve(handle, sys.stdin, out)


if __name__ == "__main__":
    main(sys.argv[1])
