# A user: reads the message, types the code. Nobody tries twice.
import os
import time

from function import Refused, call


def handle(request):
    time.sleep(0.7)
    message = request["data"]
    status, said = call("POST", os.environ["LOGIN"] + "/verify", {"user": message["user"], "code": message["code"]}, timeout=10)
    if status == 401:
        raise Refused(said["error"])
    if status != 200:
        raise OSError(f"verify says {status}")
