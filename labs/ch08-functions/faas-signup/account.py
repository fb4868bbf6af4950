# Somebody signs up. The account is made once: the event's identity is the key.
import os

from function import answer, call


def handle(request):
    user = request["data"]
    status, _ = call("POST", os.environ["ACCOUNTS"] + "/accounts", {**user, "event": request["id"]}, {"Idempotency-Key": request["id"]})
    if status >= 400:
        raise OSError(f"accounts says {status}")
    return answer(emit=[("account-made", user)])
