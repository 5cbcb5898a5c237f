/*
 * Which files the symbolizer takes for a module, and which it must not.
 */
#include "tests/symbolize-oracle.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/prctl.h>

enum {
	STEP = 5
};

static struct mt_symbolizer_options options_here(void)
{
	return (struct mt_symbolizer_options){.no_cache = true,
					      .debug_dir = in_work("debug")};
}

/* The lines of a program come from elsewhere as if they were in it. */
static void check_same(const struct binary *asked, const char *model_name)
{
	struct binary model = look_at(in_work(model_name));
	struct agreement agreement = agreement_between(asked, options_here(), &model,
						       pcs_of(model.path, STEP));
	ok(agreement.asked > 30);
	is_int(agreement.same, agreement.asked);
	ok(agreement.frames > agreement.asked);
}

/* How much of the functions, and of the lines, of `whole` can be told of another file. */
struct told {
	size_t asked, functions, lines;
};

static struct told told_of(const struct binary *asked, const char *whole_name)
{
	struct told told = {0};
	struct pcs *pcs = pcs_of(in_work(whole_name), STEP);
	struct mt_symbolizer *symbolizer = symbolizer_of(asked, options_here());
	ask(symbolizer, pcs);
	for (size_t i = 0; i < pcs->count; i++) {
		struct mt_symbols symbols =
			mt_symbolizer_find(symbolizer, 7, pcs->list[i], false);
		told.asked++;
		told.functions += symbols.list[0].function != NULL;
		told.lines += symbols.list[0].line != 0;
	}
	mt_symbolizer_destroy(symbolizer);
	return told;
}

/* `whole` with debug information, `bare` without any, `apart.debug` with nothing else. */
static void build_apart(const char *flags)
{
	build("inlined.c", flags, "whole");
	if (!shell("objcopy --only-keep-debug whole apart.debug && "
		   "strip -s -o bare whole && rm -rf debug .debug && mkdir debug"))
		skip_test("no objcopy or strip");
}

static void put_by_build_id(const char *file, const struct binary *binary)
{
	char hex[2 * sizeof binary->build_id + 1] = "";
	for (size_t i = 0; i < binary->build_id_bytes; i++)
		sprintf(hex + 2 * i, "%02x", binary->build_id[i]);
	ok(shell("mkdir -p debug/.build-id/%.2s && cp %s debug/.build-id/%.2s/%s.debug",
		 hex, file, hex, hex + 2));
}

TEST(a_debug_file_is_found_by_build_id)
{
	build_apart("-g -O2");
	struct binary bare = look_at(in_work("bare"));
	put_by_build_id("apart.debug", &bare);
	check_same(&bare, "whole");
	is_str(oracle_notices, "");
}

TEST(a_compressed_debug_file_is_as_good)
{
	build_apart("-g -O2");
	struct binary bare = look_at(in_work("bare"));
	ok(shell("objcopy --compress-debug-sections apart.debug"));
	put_by_build_id("apart.debug", &bare);
	check_same(&bare, "whole");
}

TEST(a_debug_link_is_followed_beside_the_binary)
{
	static const char *const places[] = {".", ".debug", "debug/$PWD"};
	for (size_t i = 0; i < 3; i++) {
		build_apart("-g -O2");
		ok(shell("objcopy --add-gnu-debuglink=apart.debug bare && mkdir -p %s &&"
			 "{ mv apart.debug %s || :; }",
			 places[i], places[i]));
		struct binary bare = look_at(in_work("bare"));
		check_same(&bare, "whole");
	}
}

TEST(without_build_id_the_checksum_of_the_link_decides)
{
	build_apart("-g -O2 -Wl,--build-id=none");
	ok(shell("objcopy --add-gnu-debuglink=apart.debug bare"));
	struct binary bare = look_at(in_work("bare"));
	is_int(bare.build_id_bytes, 0);
	check_same(&bare, "whole");
	ok(shell("printf x >>apart.debug"));
	is_int(told_of(&bare, "whole").lines, 0);
}

TEST(a_debug_file_of_another_build_is_not_used)
{
	build_apart("-g -O2");
	ok(shell("objcopy --add-gnu-debuglink=apart.debug bare"));
	struct binary bare = look_at(in_work("bare"));
	build("inlined.c", "-g -O1", "other");
	ok(shell("objcopy --only-keep-debug other apart.debug"));
	put_by_build_id("apart.debug", &bare);
	struct told told = told_of(&bare, "whole");
	ok(told.asked > 30);
	is_int(told.lines, 0);
}

TEST(a_replaced_binary_is_not_used_and_said_once)
{
	build_apart("-g -O2");
	struct binary binary = look_at(in_work("whole"));
	build("inlined.c", "-g -O1", "whole");
	struct told told = told_of(&binary, "whole");
	ok(told.asked > 30);
	is_int(told.functions, 0);
	is_str(oracle_notices, "binary replaced since recording\n");
}

TEST(a_replaced_binary_is_resolved_by_its_debug_file)
{
	build_apart("-g -O2");
	struct binary binary = look_at(in_work("whole"));
	put_by_build_id("apart.debug", &binary);
	ok(shell("mv whole model"));
	build("inlined.c", "-g -O1", "whole");
	check_same(&binary, "model");
	is_str(oracle_notices, "binary replaced since recording\n");
}

TEST(a_missing_binary_is_resolved_by_its_debug_file)
{
	build_apart("-g -O2");
	struct binary binary = look_at(in_work("bare"));
	put_by_build_id("apart.debug", &binary);
	ok(shell("rm bare"));
	check_same(&binary, "whole");
	is_str(oracle_notices, "");
}

TEST(a_missing_binary_is_said)
{
	build_apart("-g -O2");
	struct binary binary = look_at(in_work("bare"));
	ok(shell("rm bare"));
	is_int(told_of(&binary, "whole").functions, 0);
	is_str(oracle_notices, "neither the binary nor its debug file is here\n");
}

TEST(symbol_tables_give_functions_without_lines)
{
	build_apart("-g -O2");
	ok(shell("strip -g -o bare whole"));
	struct binary bare = look_at(in_work("bare"));
	struct told told = told_of(&bare, "whole");
	ok(told.asked > 30);
	is_int(told.functions, told.asked);
	is_int(told.lines, 0);
}

/* As the C library does: it has a name of its own for what others call otherwise. */
static void check_public_name(const char *flags, const char *expected)
{
	ok(shell(
		"printf '%%s\\n' 'static int ___wait(int a) { return a * 7; }' "
		"'int __attribute__((alias(\"___wait\"))) __wait(int);' "
		"'int __attribute__((weak, alias(\"___wait\"))) wait_for(int);' >named.c && "
		"gcc %s -shared -fPIC named.c -o named",
		flags));
	struct binary binary = look_at(in_work("named"));
	struct mt_symbolizer *symbolizer = symbolizer_of(&binary, options_here());
	struct pcs *pcs = pcs_of(binary.path, STEP);
	int named = 0;
	ask(symbolizer, pcs);
	for (size_t i = 0; i < pcs->count; i++) {
		struct mt_symbols symbols =
			mt_symbolizer_find(symbolizer, 7, pcs->list[i], false);
		const char *function = symbols.list[0].function;
		named += function && !strcmp(function, expected);
		ok(!function || function[0] != '_' || !strstr(function, "wait"));
	}
	ok(named > 0);
	mt_symbolizer_destroy(symbolizer);
}

TEST(a_function_has_the_name_that_others_call_it_by)
{
	check_public_name("-g", "wait_for");
	check_public_name("-g0", "wait_for");
}

TEST(dynamic_symbols_are_better_than_none)
{
	build_apart("-g -O2 -rdynamic");
	struct binary bare = look_at(in_work("bare"));
	struct told told = told_of(&bare, "whole");
	ok(told.functions > 0 && told.functions < told.asked);
}

TEST(a_stripped_program_is_unknown)
{
	build_apart("-g -O2");
	struct binary bare = look_at(in_work("bare"));
	struct told told = told_of(&bare, "whole");
	ok(told.asked > 30);
	is_int(told.functions, 0);
	is_str(oracle_notices, "");
}

TEST(a_packed_symbol_table_is_read)
{
	build_apart("-g -O2");
	if (!shell("strip -g -o mini whole && objcopy -S -K outer -K nested whole mini && "
		   "xz -f mini && objcopy --add-section .gnu_debugdata=mini.xz bare"))
		skip_test("no xz");
	struct binary bare = look_at(in_work("bare"));
	ok(told_of(&bare, "whole").functions > 10);
}

/* Lines are in the skeleton, functions in the symbol table. */
TEST(a_missing_dwo_file_costs_the_inlined_calls_only)
{
	build_apart("-g -O2 -gsplit-dwarf");
	ok(shell("rm -f *.dwo"));
	struct binary whole = look_at(in_work("whole"));
	struct told told = told_of(&whole, "whole");
	ok(told.asked > 30);
	is_int(told.functions, told.asked);
	ok(told.lines * 2 > told.asked);
}

TEST(what_dwz_moved_to_another_file_is_found)
{
	build_apart("-g -O2");
	build("inlined.c", "-g -O2 -DOTHER", "second");
	ok(shell("cp whole model"));
	if (!shell("dwz -m common -r whole second"))
		skip_test("no dwz here");
	struct binary whole = look_at(in_work("whole"));
	check_same(&whole, "model");
	ok(shell("cp model common"));
	is_int(told_of(&whole, "model").lines, 0);
}

/*
 * libdw looks at DEBUGINFOD_URLS when the program starts: this test runs itself again with
 * it, once asking for debuginfod and once not.
 */
static bool is_told_by_debuginfod(const char *ask)
{
	return shell("no_proxy=127.0.0.1 DEBUGINFOD_URLS=http://127.0.0.1:$(cat port) "
		     "DEBUGINFOD_CACHE_PATH=$PWD/cache-%s ASK_DEBUGINFOD=%s WHERE=$PWD "
		     "/proc/%d/exe",
		     ask, ask, (int)getpid());
}

__attribute__((constructor)) static void ask_and_leave(void)
{
	const char *asked = getenv("ASK_DEBUGINFOD"), *where = getenv("WHERE");
	char path[ORACLE_TEXT];
	if (!asked || !where)
		return;
	snprintf(path, sizeof path, "%s/whole", where);
	struct pcs *pcs = pcs_of(path, STEP);
	snprintf(path, sizeof path, "%s/bare", where);
	struct binary bare = look_at(path);
	struct mt_symbolizer *symbolizer = symbolizer_of(
		&bare,
		(struct mt_symbolizer_options){.no_cache = true,
					       .use_debuginfod = !strcmp(asked, "yes")});
	ask(symbolizer, pcs);
	struct mt_symbols symbols =
		mt_symbolizer_find(symbolizer, 7, pcs->list[0], false);
	bool is_told = symbols.list[0].line > 0;
	remove_directory();
	_exit(is_told ? 0 : 1);
}

/* It tells its port in a file, and ends with the test. */
static pid_t start_server(void)
{
	static const char script[] =
		"import http.server as h, os\n"
		"s = h.HTTPServer(('127.0.0.1', 0), h.SimpleHTTPRequestHandler)\n"
		"open('../draft', 'w').write(str(s.server_port))\n"
		"os.rename('../draft', '../port')\n"
		"s.serve_forever()\n";
	pid_t server = fork();
	if (server)
		return server;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	int null = open("/dev/null", O_RDWR);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	if (!chdir(in_work("server")))
		execlp("python3", "python3", "-c", script, NULL);
	_exit(1);
}

TEST(debuginfod_is_asked_only_where_it_is_wanted)
{
	build_apart("-g -O2");
	struct binary bare = look_at(in_work("bare"));
	char hex[2 * sizeof bare.build_id + 1] = "";
	for (size_t i = 0; i < bare.build_id_bytes; i++)
		sprintf(hex + 2 * i, "%02x", bare.build_id[i]);
	ok(shell(
		"mkdir -p server/buildid/%s && cp apart.debug server/buildid/%s/debuginfo",
		hex, hex));
	pid_t server = start_server();
	while (access(in_work("port"), R_OK))
		if (waitpid(server, NULL, WNOHANG) == server)
			skip_test("no python3 to serve the file");
	ok(!is_told_by_debuginfod("no"));
	if (!dlopen("libdebuginfod.so.1", RTLD_LAZY))
		skip_test("no libdebuginfod here");
	ok(is_told_by_debuginfod("yes"));
	kill(server, SIGTERM);
}

TEST(fifos_and_devices_are_left_alone)
{
	build_apart("-g -O2");
	struct binary binary = look_at(in_work("bare"));
	ok(shell("rm bare && mkfifo bare"));
	is_int(told_of(&binary, "whole").functions, 0);
	strcpy(binary.path, "/dev/zero");
	is_int(told_of(&binary, "whole").functions, 0);
	strcpy(binary.path, "whole");
	is_int(told_of(&binary, "whole").functions, 0);
}

TAP_MAIN()
