/*
 * tap.h - unit tests in the Test Anything Protocol, run by prove.
 *
 *     TEST(same_addresses_get_the_same_id) { ok(a == b); is_int(f(), 3); }
 *     TAP_MAIN()
 *
 * Each test runs in a child process: an abort or a crash fails that test only.
 * skip_test("reason") ends a test loudly without failing it.
 */
#ifndef MT_TESTS_TAP_H
#define MT_TESTS_TAP_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	TAP_PASS = 0,
	TAP_FAIL = 1,
	TAP_SKIP = 77,
	TAP_MAX_TESTS = 512
};

struct tap_test {
	const char *name;
	void (*run)(void);
};

static struct tap_test tap_tests[TAP_MAX_TESTS];
static int tap_count;
static int tap_failures; /* within the running test */

__attribute__((unused)) static void tap_add(const char *name, void (*run)(void))
{
	if (tap_count == TAP_MAX_TESTS)
		abort();
	tap_tests[tap_count++] = (struct tap_test){name, run};
}

#define TEST(test_name)                                                                  \
	static void test_name(void);                                                     \
	__attribute__((constructor)) static void tap_register_##test_name(void)          \
	{                                                                                \
		tap_add(#test_name, test_name);                                          \
	}                                                                                \
	static void test_name(void)

__attribute__((unused)) static bool tap_ok(bool passed, const char *file, int line,
					   const char *text)
{
	if (!passed) {
		tap_failures++;
		printf("# %s:%d: not so: %s\n", file, line, text);
	}
	return passed;
}

__attribute__((unused)) static bool
tap_is_int(int64_t got, int64_t expected, const char *file, int line, const char *text)
{
	if (got == expected)
		return true;
	tap_failures++;
	printf("# %s:%d: %s: got %" PRId64 ", expected %" PRId64 "\n", file, line, text,
	       got, expected);
	return false;
}

__attribute__((unused)) static bool tap_is_str(const char *got, const char *expected,
					       const char *file, int line,
					       const char *text)
{
	if (got && expected ? !strcmp(got, expected) : got == expected)
		return true;
	tap_failures++;
	printf("# %s:%d: %s:\n#      got '%s'\n# expected '%s'\n", file, line, text,
	       got ? got : "(null)", expected ? expected : "(null)");
	return false;
}

#define ok(condition) tap_ok((condition), __FILE__, __LINE__, #condition)
#define is_int(got, expected)                                                            \
	tap_is_int((int64_t)(got), (int64_t)(expected), __FILE__, __LINE__, #got)
#define is_str(got, expected) tap_is_str((got), (expected), __FILE__, __LINE__, #got)

__attribute__((unused, noreturn)) static void skip_test(const char *reason)
{
	printf("# skipped: %s\n", reason);
	fflush(stdout);
	_exit(TAP_SKIP);
}

/* "ok 3 - name"; a child killed by a signal is a failure that names the signal. */
__attribute__((unused)) static bool tap_run(int number, const struct tap_test *test)
{
	fflush(stdout);
	pid_t child = fork();
	if (child < 0)
		abort();
	if (!child) {
		test->run();
		fflush(stdout);
		_exit(tap_failures ? TAP_FAIL : TAP_PASS);
	}
	int status = 0;
	waitpid(child, &status, 0);
	bool skipped = WIFEXITED(status) && WEXITSTATUS(status) == TAP_SKIP;
	bool passed = skipped || (WIFEXITED(status) && WEXITSTATUS(status) == TAP_PASS);
	if (WIFSIGNALED(status))
		printf("# killed by signal %d\n", WTERMSIG(status));
	printf("%s %d - %s%s\n", passed ? "ok" : "not ok", number, test->name,
	       skipped ? " # SKIP" : "");
	return passed;
}

#define TAP_MAIN()                                                                       \
	int main(void)                                                                   \
	{                                                                                \
		bool passed = true;                                                      \
		setvbuf(stdout, NULL, _IOLBF, 0);                                        \
		printf("1..%d\n", tap_count);                                            \
		for (int i = 0; i < tap_count; i++)                                      \
			passed &= tap_run(i + 1, &tap_tests[i]);                         \
		return passed ? 0 : 1;                                                   \
	}

#endif
