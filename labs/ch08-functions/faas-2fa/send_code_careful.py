# A login has begun: make a code, remember it, send it. However often it is tried, it is the same code, and one message.
import hashlib
import hmac
import os

from function import call, redis


def code_of(login):
    digest = hmac.new(os.environ["SECRET"].encode(), login.encode(), hashlib.sha256).digest()
    return f"{int.from_bytes(digest[:8]) % 1_000_000:06d}"


def handle(request):
    user = request["data"]["user"]
    code = code_of(request["id"])
    redis(os.environ["CODES"], "SET", "code:" + user, code, "EX", os.environ["CODE_SECONDS"])
    message = {"user": user, "text": "Your code is " + code, "code": code, "event": request["id"]}
    status, _ = call("POST", os.environ["SMS"] + "/sms", message, {"Idempotency-Key": request["id"]})
    if status >= 400:
        raise OSError(f"the gateway says {status}")
