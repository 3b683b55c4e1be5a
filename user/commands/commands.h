/* SPDX-License-Identifier: GPL-2.0-only */
/* One function per command: argv[0] is the command's name. Each returns an exit code (base/err.h). */
#ifndef TOLL_COMMANDS_COMMANDS_H
#define TOLL_COMMANDS_COMMANDS_H

int command_run(int argc, char **argv);
int command_soak(int argc, char **argv);
int command_attach(int argc, char **argv);
int command_top(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_report(int argc, char **argv);
int command_compare(int argc, char **argv);
int command_merge(int argc, char **argv);
int command_redact(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_provider(int argc, char **argv);
int command_gateway(int argc, char **argv);
int command_schema(int argc, char **argv);
int command_scenarios(int argc, char **argv);
int command_completion(int argc, char **argv);
int command_version(void);

#endif
