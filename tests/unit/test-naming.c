/*
 * test-naming.c - names of traces: templates, names that are taken, the main process's.
 */
#include "tests/tap.h"
#include "tracer/collect/naming.h"

#include <fcntl.h>
#include <sys/stat.h>

/* An empty directory of the test's own. */
static void enter_directory(void)
{
	char template[] = "/tmp/test-naming-XXXXXX";
	if (!mkdtemp(template) || chdir(template) < 0)
		abort();
}

static void leave_directory(void)
{
	char here[256];
	if (!getcwd(here, sizeof here))
		abort();
	char *command = NULL;
	if (asprintf(&command, "rm -rf '%s'", here) < 0 || system(command))
		abort();
	free(command);
}

static struct mt_naming_facts facts_of(const char *program, uint32_t pid, uint32_t number)
{
	return (struct mt_naming_facts){.program = program,
					.pid = pid,
					.start_seconds = 99,
					.number = number,
					.is_main = pid == 1};
}

/* Create, close; the name, or "-". */
static const char *create(struct mt_naming *naming, struct mt_naming_facts facts,
			  const char **renamed)
{
	const char *name = NULL, *other = NULL;
	int fd =
		mt_naming_create(naming, &facts, &name, renamed ? renamed : &other, NULL);
	if (fd < 0)
		return "-";
	close(fd);
	return name;
}

TEST(templates_are_filled)
{
	struct mt_naming naming;
	enter_directory();
	mt_naming_init(&naming, NULL, false);
	is_str(create(&naming, facts_of("app", 1, 0), NULL), "memtrace.app.1.mtz");
	mt_naming_deinit(&naming);
	mt_naming_init(&naming, "%e-%p-%t-%n-%%", false);
	is_str(create(&naming, facts_of("a/b", 7, 3), NULL), "a_b-7-99-3-%");
	mt_naming_deinit(&naming);
	leave_directory();
}

TEST(unknown_places_are_refused)
{
	ok(mt_naming_check("%e.%p", NULL) == 0);
	is_int(mt_naming_check("%q", NULL), MT_ERR_USAGE);
	is_int(mt_naming_check("%", NULL), MT_ERR_USAGE);
	is_int(mt_naming_check("", NULL), MT_ERR_USAGE);
}

TEST(files_are_for_their_owner_only)
{
	struct mt_naming naming;
	struct stat status;
	enter_directory();
	umask(0);
	mt_naming_init(&naming, "t", false);
	create(&naming, facts_of("app", 1, 0), NULL);
	ok(stat("t", &status) == 0);
	is_int(status.st_mode & 07777, 0600);
	mt_naming_deinit(&naming);
	leave_directory();
}

TEST(files_of_earlier_runs_stay_unless_forced)
{
	struct mt_naming naming;
	enter_directory();
	close(open("t", O_CREAT | O_WRONLY, 0600));
	mt_naming_init(&naming, "t", false);
	is_str(create(&naming, facts_of("app", 1, 0), NULL), "t.1");
	mt_naming_deinit(&naming);
	mt_naming_init(&naming, "t", true);
	is_str(create(&naming, facts_of("app", 1, 0), NULL), "t");
	/* Never one of the same run, but those of earlier ones. */
	is_str(create(&naming, facts_of("app", 2, 1), NULL), "t.1");
	is_str(create(&naming, facts_of("app", 3, 2), NULL), "t.2");
	mt_naming_deinit(&naming);
	leave_directory();
}

TEST(a_fixed_name_goes_to_the_main_process_s_last_image)
{
	struct mt_naming naming;
	const char *renamed = NULL;
	enter_directory();
	mt_naming_init(&naming, "t", false);
	is_str(create(&naming, facts_of("child", 2, 0), NULL), "t.1");
	is_str(create(&naming, facts_of("sh", 1, 1), &renamed), "t");
	ok(!renamed);
	is_str(create(&naming, facts_of("env", 1, 2), &renamed), "t");
	is_str(renamed, "t.2");
	is_str(create(&naming, facts_of("python3", 1, 3), &renamed), "t");
	is_str(renamed, "t.3");
	is_str(create(&naming, facts_of("child", 4, 4), NULL), "t.4");
	mt_naming_deinit(&naming);
	leave_directory();
}

/* A tree of a thousand processes must not ask for half a million names. */
TEST(a_suffix_that_was_given_out_is_not_asked_for_again)
{
	struct mt_naming naming;
	enter_directory();
	mt_naming_init(&naming, "t", false);
	is_str(create(&naming, facts_of("child", 2, 0), NULL), "t.1");
	is_str(create(&naming, facts_of("child", 3, 1), NULL), "t.2");
	unlink("t.1");
	is_str(create(&naming, facts_of("child", 4, 2), NULL), "t.3");
	is_str(create(&naming, facts_of("sh", 1, 3), NULL), "t");
	mt_naming_deinit(&naming);
	mt_naming_init(&naming, "%e", false);
	is_str(create(&naming, facts_of("a", 2, 0), NULL), "a");
	is_str(create(&naming, facts_of("a", 3, 1), NULL), "a.1");
	is_str(create(&naming, facts_of("a.1", 4, 2), NULL), "a.1.1");
	is_str(create(&naming, facts_of("a", 5, 3), NULL), "a.2");
	mt_naming_deinit(&naming);
	leave_directory();
}

TEST(a_device_is_never_renamed_or_removed)
{
	struct mt_naming naming;
	struct stat status;
	const char *renamed = NULL;
	mt_naming_init(&naming, "/dev/null", true);
	is_str(create(&naming, facts_of("sh", 1, 0), &renamed), "/dev/null");
	is_str(create(&naming, facts_of("env", 1, 1), &renamed), "/dev/null");
	ok(!renamed);
	ok(stat("/dev/null", &status) == 0 && S_ISCHR(status.st_mode));
	mt_naming_deinit(&naming);
}

TEST(what_cannot_be_created_is_said)
{
	struct mt_naming naming;
	struct mt_error err = {0};
	const char *name, *renamed;
	struct mt_naming_facts facts = facts_of("sh", 1, 0);
	mt_naming_init(&naming, "/nonexistent/t", false);
	is_int(mt_naming_create(&naming, &facts, &name, &renamed, &err), MT_ERR_SYSTEM);
	is_str(err.message, "/nonexistent/t: No such file or directory");
	mt_naming_deinit(&naming);
}

TAP_MAIN()
