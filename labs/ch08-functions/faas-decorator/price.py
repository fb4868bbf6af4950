# What an item costs: the stock knows, after a quarter of a second.
import os

from function import call


def handle(request):
    item = request["query"].get("item", "nothing")
    call("POST", os.environ["STOCK"] + "/questions", {"item": item})
    return {"item": item, "price": 10 + len(item)}
