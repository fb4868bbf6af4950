# Somebody has typed a code. It is good for a while, and once.
import os

from function import answer, redis

CODES = os.environ["CODES"]


def handle(request):
    user, code = request["data"]["user"], str(request["data"]["code"])
    if redis(CODES, "GET", "code:" + user) != code:
        return answer({"error": "not this code, or not any more"}, 401)
    # Of all that come with it at the same time, one sets this. It stays longer than the code.
    if redis(CODES, "SET", f"used:{user}:{code}", "1", "NX", "EX", 300) is None:
        return answer({"error": "this code was used"}, 401)
    redis(CODES, "SET", "session:" + user, "open", "EX", 600)
    return {"welcome": user}
