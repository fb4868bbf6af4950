# There is an account: put it on the list of the newsletter.
import os

from function import call


def handle(request):
    user = request["data"]
    subscriber = {"email": user["email"], "event": request["id"]}
    status, _ = call("POST", os.environ["NEWSLETTER"] + "/subscribers", subscriber, timeout=5)
    if status >= 400:
        raise OSError(f"the newsletter says {status}")
