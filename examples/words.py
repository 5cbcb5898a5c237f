"""An allocation-heavy Python job: an index of the words of the standard library's sources.

It tokenizes the files, notes where each name occurs, and sends the index through JSON.
"""
import collections
import io
import json
import os
import pathlib
import sys
import tokenize

FILES = int(sys.argv[1]) if len(sys.argv) > 1 else 40


def sources():
    folder = pathlib.Path(os.path.dirname(os.__file__))
    return sorted(folder.glob("*.py"))[:FILES]


def names(path):
    text = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME:
            yield token.string, token.start[0]


def build_index():
    index = collections.defaultdict(list)
    for path in sources():
        for name, line in names(path):
            index[name].append([path.name, line])
    return index


index = build_index()
copy = json.loads(json.dumps(index))
places = sum(len(lines) for lines in copy.values())
print(f"{len(copy)} names in {places} places")
