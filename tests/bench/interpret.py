"""bench: what Python programs do most: json, dicts, objects, tokenizing."""
import io
import json
import sys
import tokenize


class Item:
    def __init__(self, number):
        self.name = f"item-{number}"
        self.tags = [str(number % k) for k in range(2, 7)]
        self.price = number * 1.25


def build(count):
    return {item.name: vars(item) for item in map(Item, range(count))}


def round_trip(table):
    return json.loads(json.dumps(table))


def count_tokens(text):
    counts = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        counts[token.string] = counts.get(token.string, 0) + 1
    return counts


rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 4
total = 0
with open(json.__file__.replace("__init__", "decoder"), encoding="utf-8") as source:
    text = source.read()
for _ in range(rounds):
    table = round_trip(build(20000))
    words = " ".join(table).split("-")
    total += len(table) + len(words) + sum(count_tokens(text).values())
print(total)
