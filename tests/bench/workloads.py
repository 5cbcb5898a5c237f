"""The workloads: inputs that are made once, and the command line of each.

All inputs are generated, from fixed seeds, so that a run on another machine does the same
work. A workload whose program is not installed is left out, loudly.
"""
import json
import pathlib
import random
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


class Workload:
    def __init__(self, name, argv, env=None, cwd=None, stdin=None):
        self.name, self.argv, self.env = name, argv, env or {}
        self.cwd, self.stdin = cwd, stdin


def compile_program(name, work):
    program = work / name
    subprocess.run(["cc", "-O2", "-g", "-std=gnu11", "-D_GNU_SOURCE", "-pthread",
                    "-I", HERE.parent.parent / "preload", "-o", program, HERE / f"{name}.c"],
                   check=True)
    return str(program)


SQL = """
create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 300000)
  insert into t select i, hex(i * 7919 % 65537) || '-' || i, i / 7.0 from n;
create index tb on t(b);
select count(*), sum(c), max(b) from t where b like 'A%';
select substr(b, 1, 3) k, count(*), group_concat(a % 97) from t group by k order by 2, 1 limit 5;
update t set b = b || 'x' where a % 3 = 0;
select count(*) from t x join t y on x.a = y.a * 2 where y.b > x.b;
"""


def sqlite_input(work):
    path = work / "work.sql"
    path.write_text(SQL)
    return path


# One of the units of a large C file; @ becomes its number.
C_UNIT = """
struct entry_@ { struct entry_@ *next; char *key; double weight; int hits[8]; };
static struct entry_@ *table_@[61];
static unsigned hash_@(const char *s)
{ unsigned h = @u; while (*s) h = h * 33u ^ (unsigned char)*s++; return h % 61; }
struct entry_@ *find_@(const char *key)
{ for (struct entry_@ *e = table_@[hash_@(key)]; e; e = e->next)
    if (!strcmp(e->key, key)) { e->hits[@ % 8]++; return e; }
  return NULL; }
int add_@(const char *key, double weight)
{ struct entry_@ *e = find_@(key);
  if (e) { e->weight += weight; return 0; }
  e = calloc(1, sizeof *e); if (!e) return -1;
  e->key = strdup(key); e->weight = weight * (@ % 7 + 1);
  unsigned h = hash_@(key); e->next = table_@[h]; table_@[h] = e; return 1; }
double total_@(double (*weigh)(const struct entry_@ *))
{ double sum = 0;
  for (int i = 0; i < 61; i++) for (struct entry_@ *e = table_@[i]; e; e = e->next)
    { double w = weigh ? weigh(e) : e->weight; sum += w > 0 ? sqrt(w) : -w * (@ % 5);
      switch (e->hits[0] % 5) { case 0: sum += 1; break; case 1: sum *= 2;
      case 2: sum -= e->hits[2]; break; case 4: e->hits[1] += (int)sum; } }
  return sum; }
int parse_@(FILE *in)
{ char line[512], key[64]; double w; int n = 0;
  while (fgets(line, sizeof line, in)) { if (line[0] == '#') continue;
    if (sscanf(line, "%63s %lf", key, &w) == 2) n += add_@(key, w);
    else for (char *p = line; *p; p++) if (isdigit((unsigned char)*p)) n ^= *p - '0'; }
  return n; }
"""


def preprocessed(work):
    source, result = work / "large.c", work / "large.i"
    headers = ["ctype", "math", "stdio", "stdlib", "string", "signal", "pthread", "netdb"]
    source.write_text("".join(f"#include <{h}.h>\n" for h in headers)
                      + "".join(C_UNIT.replace("@", str(i)) for i in range(130)))
    subprocess.run(["cc", "-E", source, "-o", result], check=True)
    return result


def json_input(work):
    rng = random.Random(1)
    rows = [{"id": i, "name": f"n{rng.randrange(9999)}", "tags": [f"t{rng.randrange(50)}"
             for _ in range(rng.randrange(6))], "value": rng.random(), "nested": {"a": [i, None]}}
            for i in range(60000)]
    path = work / "rows.json"
    path.write_text(json.dumps(rows))
    return path


def commits(count):
    """A history for git fast-import."""
    rng = random.Random(2)
    files = {}
    for i in range(count):
        yield f"commit refs/heads/main\ncommitter a <a@example.org> {1600000000 + i} +0000\n"
        yield f"data <<END\nchange {i}\nEND\n"
        for _ in range(4):
            name = f"d{rng.randrange(12)}/f{rng.randrange(40)}.txt"
            lines = files.setdefault(name, [])
            lines.insert(rng.randrange(len(lines) + 1), f"line {rng.randrange(10**6)}")
            yield f"M 644 inline {name}\ndata <<END\n" + "\n".join(lines) + "\nEND\n"


def git_repository(work):
    path = work / "repository"
    subprocess.run(["git", "init", "-q", "-b", "main", path], check=True)
    subprocess.run(["git", "-C", path, "fast-import", "--quiet"],
                   input="".join(commits(6000)), text=True, check=True)
    return path


def cc1():
    path = subprocess.run(["gcc", "-print-prog-name=cc1"], capture_output=True,
                          text=True).stdout.strip()
    return path if "/" in path else "cc1"


def all_workloads(work):
    python = [shutil.which("python3"), HERE / "interpret.py"]
    yield Workload("python-malloc", python, env={"PYTHONMALLOC": "malloc"})
    yield Workload("python", python)
    yield Workload("sqlite3", ["sqlite3", ":memory:"], stdin=sqlite_input(work))
    yield Workload("cc1", [cc1(), "-quiet", "-O2", preprocessed(work), "-o", "/dev/null"])
    for name, script in ("perl", "records.pl"), ("perl-words", "munge.pl"):
        yield Workload(name, ["perl", HERE / script], env={"PERL_HASH_SEED": "0"})
    yield Workload("jq", ["jq", "group_by(.name) | map({n: .[0].name, v: map(.value) | add})"
                          " | sort_by(.v) | .[-3:]", json_input(work)])
    yield Workload("git-log", ["git", "-P", "log", "--stat"], cwd=git_repository(work))
    for name in ("churn", "tree", "cubes", "handoff"):
        yield Workload(name, [compile_program(name, work)])
    threads = compile_program("threads", work)
    yield Workload("threads-2", [threads, "2", "10000000", "0"])
    yield Workload("threads-2-cross", [threads, "2", "5000000", "50"])
    yield Workload("threads-64", [threads, "64", "200000", "0"])
    yield Workload("threads-64-cross", [threads, "64", "100000", "50"])


def available(work, names):
    for workload in all_workloads(work):
        if names and workload.name not in names:
            continue
        program = shutil.which(str(workload.argv[0] or ""))
        if not program:
            print(f"# {workload.name} is left out: {workload.argv[0]} is not installed")
            continue
        yield workload
