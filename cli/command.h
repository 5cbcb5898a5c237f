/*
 * command.h - what a subcommand is: its entry, its option table, what it is given.
 * Outside.
 *
 * A command file holds its options struct, its option table, its entry and its run
 * function; main.c lists the entry. Parsing, --help and completion read the tables.
 *
 *     struct leaks_options {
 *             bool reachable;
 *             uint64_t rows;
 *     };
 *
 *     static const struct command_option leaks_table[] = {
 *             {.name = "reachable", .help = "list reachable blocks too",
 *              .offset = offsetof(struct leaks_options, reachable)},
 *             {.short_name = 'n', .argument = "N", .help = "rows; 0: all",
 *              .type = OPTION_NUMBER, .offset = offsetof(struct leaks_options, rows)},
 *             {0},
 *     };
 *
 *     const struct command cmd_leaks = {
 *             .name = "leaks", .args = "TRACE", .min_operands = 1, .max_operands = 1,
 *             .summary = "show blocks that were never freed",
 *             .prints_results = true,
 *             .options = leaks_table, .options_bytes = sizeof(struct leaks_options),
 *             .defaults = &(const struct leaks_options){.rows = 10},
 *             .run = leaks_run,
 *     };
 */
#ifndef MT_CLI_COMMAND_H
#define MT_CLI_COMMAND_H

#include "formats/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an option's argument is, and the type of the field that receives it. */
enum option_type {
	OPTION_FLAG = 0,     /* no argument; bool, becomes true */
	OPTION_STRING,       /* const char *, points into argv; the last one wins */
	OPTION_STRINGS,      /* struct option_strings; may be given several times */
	OPTION_NUMBER,       /* uint64_t, within min ... max */
	OPTION_SIZE,         /* uint64_t, bytes: 4096, 10k, 1.5GiB, 64MB */
	OPTION_TIME,         /* uint64_t, nanoseconds: 500ms, 10s */
	OPTION_TIME_OR_SIZE, /* struct option_interval */
	OPTION_CHOICE,       /* int: the value of one of choices */
	OPTION_TABLE, /* no option: the options of table, in a struct of their own */
};

struct option_choice {
	const char *name;
	int value;
};

/* Parser's memory, valid while the command runs. */
struct option_strings {
	const char **list;
	size_t count;
};

/* One of the two is set. */
struct option_interval {
	uint64_t ns;
	uint64_t bytes;
};

/* A table of these ends with an entry that has neither name nor short name nor table. */
struct command_option {
	const char *name;     /* "nframe" for --nframe; NULL: only the short one */
	char short_name;      /* 'n' for -n; 0: only the long one */
	const char *argument; /* what help calls it: "N"; NULL for flags */
	const char *help;     /* a phrase, lower case, without full stop */
	bool joins_next;      /* --help has it in one line with the next option */
	const char *together; /* what that line says, at its last option; NULL: help */
	/* Variable whose value counts where the option is not given; of a flag 0 or 1. */
	const char *environment;
	enum option_type type;
	size_t offset; /* of the target in the command's options struct */
	const struct option_choice *choices; /* ends with a NULL name */
	uint64_t min, max;                   /* of a number; max 0: no limit */
	const struct command_option *table;  /* of OPTION_TABLE, which has no tables */
};

struct command;

/* What run gets. */
struct invocation {
	const struct command *command;
	const void *options; /* the command's own options struct */
	char **operands;     /* arguments that are no options; ends with NULL */
	int operand_count;
	int operands_before_dashes; /* where "--" stood; -1: there was none */
	bool json;                  /* --json; only where the command prints results */
	bool color;          /* colour may be used on stdout; for others than printers of
				results on stderr: --color, NO_COLOR, the terminal */
	bool quiet;          /* -q: no summary, no progress, no remarks */
	bool shows_progress; /* stderr is a terminal and -q was not given */
};

enum {
	ANY_NUMBER = -1, /* of operands */
};

struct command {
	const char *name;
	const char *args;    /* "TRACE[@SNAP]" */
	const char *summary; /* one phrase for the list of commands */
	const char *notes;   /* more lines of --help, each with its newline; NULL: none */
	int min_operands, max_operands;
	const struct command_option *options; /* NULL: only the common ones */
	size_t options_bytes;                 /* size of the options struct */
	const void *defaults;                 /* its first content; NULL: all zero */
	bool prints_results;                  /* on stdout; brings --json */
	bool stops_at_operand; /* what follows the first operand belongs to it */
	bool is_hidden;        /* not listed: started by others than users */
	int failure_status;    /* of every failure of ours; 0: by enum mt_code */
	/*
	 * Returns the exit status, or a negative enum mt_code with *err filled; main
	 * prints the message and finds the status. It does not exit.
	 */
	int (*run)(const struct invocation *invocation, struct mt_error *err);
};

/* All commands, ends with NULL; defined in main.c. */
extern const struct command *const mt_commands[];

/*
 * Variables without an option: entries with nothing but environment, type and what the type
 * takes, up to one without environment. A value that an option would not take is
 * MT_ERR_USAGE; others are not stored.
 */
int mt_command_check_variables(const struct command_option *variables,
			       struct mt_error *err);

/* NULL: no such command. */
const struct command *mt_command_find(const char *name);

/* One line on stderr: "memtrace top: app.mtz: ends early". */
void mt_command_say(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
