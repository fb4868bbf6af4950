# There is an account: write to its owner, once, whatever the name.
import os

from function import call


def handle(request):
    user = request["data"]
    letter = {"email": user["email"], "text": "Dear " + user.get("name", "reader") + ", welcome!", "event": request["id"]}
    status, _ = call("POST", os.environ["MAIL"] + "/letters", letter, {"Idempotency-Key": request["id"]})
    if status >= 400:
        raise OSError(f"mail says {status}")
