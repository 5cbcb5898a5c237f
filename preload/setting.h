/*
 * setting.h - the value of one variable of the environment, or what is used in its stead.
 * Inside the traced process, without the C library: the first event may come before it.
 *
 * The variable and the environment must live on. An empty value is as none. A value that an
 * option of `memtrace run` would refuse is remembered, so that it can be told.
 */
#ifndef MT_PRELOAD_SETTING_H
#define MT_PRELOAD_SETTING_H

#include <stdbool.h>
#include <stdint.h>

/* The index among names, NULL at the end; otherwise 0. */
int setting_choice(char *const *environment, const char *variable,
		   const char *const *names);

/* Within least ... most. */
uint32_t setting_number(char *const *environment, const char *variable, uint32_t least,
			uint32_t most, uint32_t otherwise);

/* 1 or 0; otherwise false. */
bool setting_flag(char *const *environment, const char *variable);

/* Bytes: 4096, 10k, 1.5GiB. */
uint64_t setting_size(char *const *environment, const char *variable, uint64_t otherwise);

/* Those that only the collector uses: a time or a size, and the name of a trace. */
void setting_check_interval(char *const *environment, const char *variable);
void setting_check_name(char *const *environment, const char *variable);

/* One line for each value that was not understood. */
void setting_say_misunderstood(void);

#endif
