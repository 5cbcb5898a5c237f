#!/usr/bin/env python3
"""gate-forms.py - all forms of a gate's verdict parse, and have the same numbers.

    gate-forms.py SIZE COUNT JSON TEXT JUNIT SARIF MARKDOWN

Where SARIF_SCHEMA names the file of OASIS (sarif-schema-2.1.0.json), the whole schema is
checked, with python3-jsonschema; else the parts that memtrace writes.
"""
import json
import os
import re
import sys
import xml.etree.ElementTree as xml

size, count = int(sys.argv[1]), int(sys.argv[2])
gate = json.load(open(sys.argv[3], encoding="utf-8"))
text = open(sys.argv[4], encoding="utf-8").read()
junit = xml.parse(sys.argv[5]).getroot()
sarif = json.load(open(sys.argv[6], encoding="utf-8"))
markdown = open(sys.argv[7], encoding="utf-8").read()

NUMBERS = [a + b for a in ("", "peak_", "total_", "suppressed_") for b in ("size", "count")]


def same(what, found, expected):
    assert found == expected, f"{what}: {found!r}, expected {expected!r}"


# JSON is the measure; its own numbers are the known ones.
same("schema", gate["schema"], "memtrace.gate/1")
same("live", (gate["size"], gate["count"]), (size, count))
checks = {c["check"]: c for c in gate["checks"]}
if "max-live" in checks:
    same("max-live", checks["max-live"]["value"], size)
rows = [(r["check"], r["site"], r["size"], r["count"], r.get("size_diff")) for r in gate["rows"]]
for name, check in checks.items():
    if name == "baseline" and check["state"] == "failed":
        same("growth", sum(r[4] for r in rows if r[0] == name), check["value"])

# JUnit
suite, = junit.findall("testsuite")
properties = {p.get("name"): int(p.get("value")) for p in suite.iter("property")}
same("JUnit's numbers", properties, {n: gate[n] for n in NUMBERS})
same("JUnit's cases", [c.get("name") for c in suite.findall("testcase")], list(checks))
states = {"passed": 0, "failed": 0, "unjudged": 0}
for case in suite.findall("testcase"):
    state = checks[case.get("name")]["state"]
    states[state] += 1
    same("JUnit's state", [e.tag for e in case],
         {"passed": [], "failed": ["failure"], "unjudged": ["error"]}[state])
    for element in case:
        if element.tag == "failure":
            lines = element.text.splitlines()
            same("JUnit's sites", sum(": size=" in line for line in lines),
                 sum(r[0] == case.get("name") for r in rows))
for element in (junit, suite):
    same("JUnit's failures", int(element.get("failures")), states["failed"])
    same("JUnit's errors", int(element.get("errors")), states["unjudged"])
    same("JUnit's tests", int(element.get("tests")), len(checks))

# SARIF: the parts of the 2.1.0 schema that apply.
same("SARIF's version", sarif["version"], "2.1.0")
if os.environ.get("SARIF_SCHEMA"):
    import jsonschema
    with open(os.environ["SARIF_SCHEMA"], encoding="utf-8") as schema:
        jsonschema.Draft7Validator(json.load(schema)).validate(sarif)
run, = sarif["runs"]
same("SARIF's numbers", {n: run["properties"][n] for n in NUMBERS}, {n: gate[n] for n in NUMBERS})
rules = [r["id"] for r in run["tool"]["driver"]["rules"]]
same("SARIF's rules", rules, list(checks))
same("SARIF's success", run["invocations"][0]["executionSuccessful"], states["unjudged"] == 0)
for result in run["results"]:
    assert result["ruleId"] in rules and result["level"] == "error", result
    assert isinstance(result["message"]["text"], str)
    for location in result.get("locations", []):
        place = location["physicalLocation"]
        uri = place["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9/._~%:-]+", uri), uri
        assert not re.search(r"%(?![0-9A-F]{2})", uri), uri
        assert place.get("region", {"startLine": 1})["startLine"] >= 1
same("SARIF's results",
     [(r["ruleId"], r["partialFingerprints"]["memtraceSite/v1"], r["properties"]["size"],
       r["properties"]["count"], r["properties"].get("size_diff")) for r in run["results"]], rows)

# Markdown
amounts = [int(n) for pair in re.findall(r"\((-?\d+) bytes, (-?\d+) blocks\)", markdown) for n in pair]
same("Markdown's numbers", amounts, [gate[n] for n in NUMBERS])
for line in markdown.splitlines():
    if line.startswith("|"):
        same("Markdown's cells in " + line, len(re.findall(r"(?<!\\)\|", line)), 4)

# Text
for check in gate["checks"]:
    if check["check"] != "trace":
        assert f"  {check['check']}: " in text, check
shown = [line for line in text.splitlines() if line.startswith("    ") and ": size=" in line]
more = sum(int(n) for n in re.findall(r"^    and (\d+) more$", text, re.M))
same("sites in text", len(shown) + more, sum(c["sites"] for c in gate["checks"]))
