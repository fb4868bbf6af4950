# Cancels an order. Nobody does that often.
import json


def handle(request):
    print("cancelled", json.dumps(request["data"]))
    return {"cancelled": True}
