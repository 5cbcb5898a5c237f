/*
 * forward.h - signals that `run` gets and that are the program's, and the program's stops,
 * which are run's. Outside.
 */
#ifndef MT_CLI_FORWARD_H
#define MT_CLI_FORWARD_H

#include <signal.h>
#include <sys/types.h>

/* Before the fork: they wait until mt_forward_to. *mask: those that waited before. */
void mt_forward_hold(sigset_t *mask);

/* In the child, before it becomes the program: all as `run` itself was given it. */
void mt_forward_restore(const sigset_t *mask);

/* In the parent. program: 0, where there was no fork. */
void mt_forward_to(pid_t program, const sigset_t *mask);

/* Until the program has ended: its wait status. Where it stops, `run` stops with it. */
int mt_forward_wait(pid_t program);

#endif
