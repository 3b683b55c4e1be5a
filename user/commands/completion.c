// SPDX-License-Identifier: GPL-2.0-only
/*
 * Completion scripts ask the program itself: `toll --list-commands` and `toll COMMAND --list-options` print the same rows that --help is made
 * of, so they cannot fall behind it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/options.h"
#include "commands/commands.h"

static const char bash_text[] =
	"# bash completion for toll: eval \"$(toll completion bash)\"\n"
	"_toll() {\n"
	"\tlocal word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}\n"
	"\tlocal options\n"
	"\tCOMPREPLY=()\n"
	"\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$(toll --list-commands 2>/dev/null | cut -f1) --help --version\" -- "
	"\"$word\")\n"
	"\t\treturn\n"
	"\tfi\n"
	"\toptions=$(toll \"$command\" --list-options 2>/dev/null)\n"
	"\tcase $word in\n"
	"\t-*) mapfile -t COMPREPLY < <(compgen -W \"$(cut -f1 <<<\"$options\") --help\" -- \"$word\") ;;\n"
	"\t*)\n"
	"\t\t[ \"$command\" = run ] && [[ $previous != -* ]] &&\n"
	"\t\t\tmapfile -t COMPREPLY < <(compgen -W \"$(toll scenarios 2>/dev/null | awk 'NR > 1 { print $1 }')\" -- \"$word\")\n"
	"\t\t[ ${#COMPREPLY[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
	"\t\t;;\n"
	"\tesac\n"
	"}\n"
	"complete -o filenames -F _toll toll\n";

static const char zsh_text[] = "#compdef toll\n"
			       "# zsh completion for toll: toll completion zsh >\"${fpath[1]}/_toll\"\n"
			       "_toll() {\n"
			       "\tlocal -a rows\n"
			       "\tlocal line name help\n"
			       "\tif (( CURRENT == 2 )); then\n"
			       "\t\tfor line in ${(f)\"$(toll --list-commands 2>/dev/null)\"}; do\n"
			       "\t\t\trows+=(\"${line%%$'\\t'*}:${line##*$'\\t'}\")\n"
			       "\t\tdone\n"
			       "\t\t_describe command rows\n"
			       "\telif [[ $PREFIX == -* ]]; then\n"
			       "\t\tfor line in ${(f)\"$(toll $words[2] --list-options 2>/dev/null)\"}; do\n"
			       "\t\t\trows+=(\"${line%%$'\\t'*}:${line##*$'\\t'}\")\n"
			       "\t\tdone\n"
			       "\t\t_describe option rows\n"
			       "\telse\n"
			       "\t\t_files\n"
			       "\tfi\n"
			       "}\n"
			       "compdef _toll toll\n";

static const char fish_text[] =
	"# fish completion for toll: toll completion fish >~/.config/fish/completions/toll.fish\n"
	"function __toll_options\n"
	"\tset -l words (commandline -opc)\n"
	"\ttest (count $words) -gt 1; and toll $words[2] --list-options 2>/dev/null | string replace -r '\\t.*\\t' '\\t'\n"
	"end\n"
	"complete -c toll -n 'test (count (commandline -opc)) -eq 1' -f -a '(toll --list-commands 2>/dev/null)'\n"
	"complete -c toll -n 'test (count (commandline -opc)) -gt 1' -a '(__toll_options)'\n";

static const struct {
	const char *shell, *text;
} shells[] = {{"bash", bash_text}, {"zsh", zsh_text}, {"fish", fish_text}};

static const struct command_help help = {
	.usage = "toll completion bash|zsh|fish",
	.text = "Prints a completion script for a shell. The script asks toll for its commands and options, so it stays right "
		"when toll is "
		"updated.",
	.examples = "  eval \"$(toll completion bash)\"\n  toll completion fish >~/.config/fish/completions/toll.fish\n",
};

int command_completion(int argc, char **argv)
{
	const struct option rows[] = {{OPTION_END, NULL, 0, NULL, NULL, NULL}};
	const char *shell = NULL;
	struct err err = {0};
	unsigned count = 0;
	int rc = options_parse(rows, &help, argc, argv, &shell, 1, &count, &err);

	if (rc > 0)
		return EXIT_CODE_OK;
	for (size_t i = 0; !rc && count && i < sizeof(shells) / sizeof(*shells); i++)
		if (!strcmp(shell, shells[i].shell))
			return fputs(shells[i].text, stdout) < 0 ? EXIT_CODE_CANNOT_RUN : EXIT_CODE_OK;
	if (!rc)
		err_fill(&err, -EINVAL, "toll completion %.40s: expected bash, zsh or fish", count ? shell : "");
	log_line(LOG_ERROR, "%s", err.text);
	return EXIT_CODE_CANNOT_RUN;
}
