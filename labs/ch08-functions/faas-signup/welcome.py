# There is an account: write to its owner.
import os

from function import call


def handle(request):
    user = request["data"]
    letter = {"email": user["email"], "text": "Dear " + user["name"] + ", welcome!", "event": request["id"]}
    status, _ = call("POST", os.environ["MAIL"] + "/letters", letter)
    if status >= 400:
        raise OSError(f"mail says {status}")
