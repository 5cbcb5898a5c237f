# programs.bash - sourced by tests/real/check: the programs and what they do.
#
# program_NAME runs in an empty directory with $with in front of what is recorded, and
# prints only what is the same in every run. Status 77 skips, with the reason on stderr.

programs=(python3 python3-malloc perl bash git sqlite3 gcc g++ tar-xz redis postgres nginx
	node php gdb busybox)

# The commands that a program needs.
needs() {
	case $1 in
	python3-malloc) echo python3 ;;
	tar-xz) echo tar xz ;;
	redis) echo redis-server redis-cli redis-benchmark ;;
	postgres) echo pg_config runuser ;;
	nginx) echo nginx python3 ;;
	gdb) echo gdb gcc ;;
	*) echo "$1" ;;
	esac
}

# Statically linked: no loader, so no preloaded library.
is_unrecorded() {
	[ "$1" = busybox ]
}

# wait_for COMMAND...: until it succeeds; a minute at most.
wait_for() {
	local deadline=$((SECONDS + 60))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.02
	done
}

program_python3() {
	$with python3 "$examples/words.py" 20
	$with python3 -c 'import ctypes, threading, subprocess, sys
t = [threading.Thread(target=lambda: [bytes(i) for i in range(5000)]) for _ in range(4)]
[x.start() for x in t]; [x.join() for x in t]
print(subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True).stdout)
sys.exit(5)'
}

program_python3-malloc() {
	PYTHONMALLOC=malloc program_python3
}

program_perl() {
	$with perl -e 'my %seen; for my $i (1 .. 200000) { $seen{"k" . ($i * 7 % 9973)} .= "x" }
		print scalar(keys %seen), " ", length($seen{k1}), "\n"; print STDERR "done\n";
		my @parts = map { join ",", reverse split //, $_ } sort keys %seen;
		print "$parts[42]\n"; exit 3'
}

program_bash() {
	$with bash -c 'for i in 1 2 3; do seq 2000 | sort -rn | sed s/7/x/ | awk "{ n += length } END { print n }"; done
		words=$(for w in {a..z}{a..z}; do echo $w; done | shuf --random-source=/bin/bash | tac | sort | md5sum)
		echo "$words"; diff <(seq 5) <(seq 6); false || kill -0 $$ && exit 9'
}

program_git() {
	export HOME=$PWD GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a \
		GIT_COMMITTER_EMAIL=a@example.org GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' \
		GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
	$with git init -q -b main repository && cd repository || return
	for i in {1..20}; do
		seq "$((i * 50))" >"file$((i % 7))"
		$with git add -A && $with git commit -qm "change $i"
	done
	$with git log --stat | md5sum
	$with git gc -q --prune=now
	$with git fsck --full --no-progress
	$with git diff HEAD~5 | md5sum
	$with git checkout -q nowhere
}

program_sqlite3() {
	$with sqlite3 :memory: 'create table t(a integer primary key, b text);
		with recursive n(i) as (select 1 union all select i + 1 from n where i < 50000)
		insert into t select i, hex(i * 7919 % 65537) from n;
		create index ib on t(b); select count(distinct b), max(b) from t;
		select substr(b, 1, 2) k, count(*) from t group by k order by 2 desc, 1 limit 5;
		select nonsense;'
}

program_gcc() {
	cp "$examples/inventory.c" . && printf 'static inline int memtrace_snapshot(const char *l) { return !l; }\n' >memtrace.h
	$with gcc -I. -O2 -Wall -Wextra -o inventory inventory.c && ./inventory
	sha256sum inventory
	echo 'int f(void) { return missing; }' >wrong.c
	$with gcc -c wrong.c
}

program_g++() {
	cat >words.cc <<-'END'
		#include <iostream>
		#include <map>
		#include <regex>
		#include <stdexcept>
		int main() {
			std::map<std::string, int> count;
			std::regex word("[a-z]+");
			std::string text = "who holds what and who asked for what";
			for (std::sregex_iterator i(text.begin(), text.end(), word), end; i != end; ++i)
				count[i->str()]++;
			for (auto &[name, n] : count) std::cout << name << ' ' << n << '\n';
			try { throw std::runtime_error("thrown"); } catch (std::exception &e) { std::cerr << e.what() << '\n'; }
		}
	END
	$with g++ -std=c++17 -O1 -o words words.cc && $with ./words
	sha256sum words
}

program_tar-xz() {
	$with sh -c 'tar cf - --sort=name --mtime=@0 --owner=0 --group=0 -C /usr/include linux |
		xz -T2 -3 >linux.tar.xz'
	sha256sum linux.tar.xz
	$with tar xJf linux.tar.xz && ls linux | md5sum
}

program_redis() {
	$with redis-server --port 0 --unixsocket "$PWD/redis" --dir "$PWD" --save '' \
		--logfile "$PWD/log" --appendonly no &
	server=$!
	wait_for redis-cli -s redis ping || return
	$with redis-benchmark -s "$PWD/redis" -n 20000 -r 5000 -P 8 --csv \
		-t set,get,lpush,lrange_100,hset,zadd | cut -d, -f1
	redis-cli -s redis dbsize | awk '{ print $1 > 1000 }'
	redis-cli -s redis bgsave
	wait_for sh -c 'redis-cli -s redis info persistence | grep rdb_bgsave_in_progress:0'
	redis-cli -s redis info persistence | grep rdb_last_bgsave_status
	redis-cli -s redis shutdown nosave
	wait $server
}

# Its server refuses to run as root.
program_postgres() {
	local bin as=
	bin=$(pg_config --bindir)
	[ -x "$bin/initdb" ] || { echo "initdb is not installed" >&2; return 77; }
	if [ "$(id -u)" = 0 ]; then
		id postgres >/dev/null || return 77
		as="runuser -u postgres --"
	fi
	$as $with "$bin/initdb" -D "$PWD/data" --no-sync -A trust --locale=C -E UTF8
	echo "initdb: $?"
	$as $with "$bin/postgres" -D "$PWD/data" -k "$PWD" -c listen_addresses= \
		-c fsync=off -c logging_collector=off 2>/dev/null &
	local server=$!
	wait_for $as "$bin/psql" -h "$PWD" -d postgres -c 'select 1' || return
	$as $with "$bin/psql" -h "$PWD" -d postgres -At -c 'create table t as
		select i, md5(i::text) m from generate_series(1, 20000) i;
		create index on t(m); select count(*), max(m) from t; select 1 / 0'
	$as "$bin/pg_ctl" -D "$PWD/data" stop -s -m fast
	wait $server
}

program_nginx() {
	cat >nginx.conf <<-END
		daemon off; master_process on; worker_processes 2; pid $PWD/pid; error_log $PWD/error;
		events { worker_connections 64; }
		http {
			access_log off; client_body_temp_path $PWD/t1; proxy_temp_path $PWD/t2;
			fastcgi_temp_path $PWD/t3; uwsgi_temp_path $PWD/t4; scgi_temp_path $PWD/t5;
			gzip on; gzip_min_length 1; gzip_types *;
			server { listen unix:$PWD/socket; root $PWD; }
		}
	END
	seq 20000 >page
	chmod 755 . ..
	$with nginx -e "$PWD/error" -c "$PWD/nginx.conf" -p "$PWD" &
	local server=$!
	wait_for test -S socket || return
	python3 - <<-'END'
		import hashlib, socket
		for i in range(200):
		    s = socket.socket(socket.AF_UNIX); s.connect("socket")
		    s.sendall(b"GET /page HTTP/1.0\r\n" + (b"Accept-Encoding: gzip\r\n" if i % 2 else b"") + b"\r\n")
		    data = b"".join(iter(lambda: s.recv(65536), b""))
		    if i > 197: print(data.split(b"\r\n")[0], hashlib.md5(data.split(b"\r\n\r\n", 1)[1]).hexdigest())
	END
	kill -QUIT "$(cat pid)"
	wait $server
}

program_node() {
	$with node -e 'const m = new Map();
		for (let i = 0; i < 200000; i++) m.set("k" + i % 5003, { i, s: "x".repeat(i % 50) });
		const text = JSON.stringify([...m]); console.log(text.length, JSON.parse(text).length);
		console.log(require("crypto").createHash("sha256").update(text).digest("hex"));
		console.error("done"); process.exitCode = 4'
}

# opcache is opened with RTLD_DEEPBIND.
program_php() {
	cat >job.php <<-'END'
		<?php
		function f(int $n): array { $a = []; for ($i = 0; $i < $n; $i++) $a["k$i"] = str_repeat("x", $i % 40); return $a; }
		$a = f(50000); ksort($a); echo count($a), " ", md5(serialize($a)), "\n";
		echo strlen(json_encode(json_decode(json_encode($a), true))), "\n";
		echo extension_loaded("Zend OPcache") ? "opcache\n" : "no opcache\n"; exit(6);
	END
	$with php -d opcache.enable_cli=1 -d opcache.jit=1255 -d opcache.jit_buffer_size=16M job.php
}

program_gdb() {
	printf '%s\n' '#include <stdlib.h>' 'static void sink(char *p) { free(p); abort(); }' \
		'int main(void) { sink(malloc(10)); }' >crash.c
	gcc -g -O0 -o crash crash.c
	$with gdb -nx --batch -ex 'set startup-with-shell off' -ex 'break sink' -ex run \
		-ex 'print *p@3' -ex continue ./crash >out 2>&1
	local status=$?
	grep -q 'not permitted' out && { echo "ptrace is not permitted here" >&2; return 77; }
	grep -E 'Breakpoint 1,|SIGABRT|^#' out | sed 's/0x[0-9a-f]*/ADDRESS/g; s/ "[^"]*"//'
	return $status
}

program_busybox() {
	$with busybox sh -c 'busybox seq 5 | busybox sort -r | busybox tr "\n" " "; exit 3'
}
