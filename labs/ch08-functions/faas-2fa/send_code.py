# A login has begun: make a code, remember it, send it.
import os
import secrets

from function import call, redis


def handle(request):
    user = request["data"]["user"]
    code = f"{secrets.randbelow(1_000_000):06d}"
    redis(os.environ["CODES"], "SET", "code:" + user, code, "EX", os.environ["CODE_SECONDS"])
    message = {"user": user, "text": "Your code is " + code, "code": code, "event": request["id"]}
    status, _ = call("POST", os.environ["SMS"] + "/sms", message)
    if status >= 400:
        raise OSError(f"the gateway says {status}")
