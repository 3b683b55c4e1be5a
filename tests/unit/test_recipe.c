// rooms: base scenario session/child session/recipe session/recipe_schema session/recipe_template session/recipe_prepare session/recipe_start session/scratch
// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "session/child.h"
#include "session/recipe_parts.h"

#define HEAD "name: t\ntitle: a test\nurl: \"http://{{listen_host}}:{{listen_port}}\"\n"

static struct recipe *parse_good(const char *text)
{
	struct recipe *r = NULL;
	struct err err = {0};

	if (recipe_parse("/tmp/t/recipe.yaml", text, strlen(text), &r, &err))
		fail_msg("%s", err.text);
	return r;
}

static void assert_bad(const char *text, const char *line, const char *says)
{
	struct recipe *r = NULL;
	struct err err = {0};

	assert_int_equal(recipe_parse("r.yaml", text, strlen(text), &r, &err), -EINVAL);
	if (strncmp(err.text, line, strlen(line)) || !strstr(err.text, says))
		fail_msg("expected \"%s\" ... \"%s\", got \"%s\"", line, says, err.text);
}

static void test_bad_files_name_line_and_key(void **state)
{
	(void)state;
	assert_bad(HEAD "strat: [a]\n", "r.yaml:4:", "strat");
	assert_bad("name: t\ntitle: x\nstart: [a]\n", "r.yaml:", "url");
	assert_bad("name:\ntitle: x\nstart: [a]\nurl: u\n", "r.yaml:1:", "name");
	assert_bad(HEAD "start: a\n", "r.yaml:4:", "start");
	assert_bad(HEAD "start: [a]\nneeds:\n  - program: x\n    version: new\n", "r.yaml:7:", "needs[0].version");
	assert_bad(HEAD "start: [a]\nfiles:\n  - {path: a, text: b}\n  - {pth: a}\n", "r.yaml:7:", "files[1]");
	assert_bad(HEAD "start: [a]\nend: {signal: STOP}\n", "r.yaml:5:", "STOP");
	assert_bad(HEAD "start: [a]\nend: {grace: 3}\n", "r.yaml:5:", "end.grace");
	assert_bad(HEAD "start: [a]\nfiles:\n  - {path: ../x, text: b}\n", "r.yaml:6:", "../x");
	assert_bad(HEAD "start: [a]\nfiles:\n  - {path: x}\n", "r.yaml:6:", "text or copy");
	assert_bad(HEAD "start:\n  - a\n  - \"--x={{nope}}\"\n", "r.yaml:6:", "{{nope}}");
	assert_bad(HEAD "start: [a]\nheaders: [\"X: {{#user}}\"]\n", "r.yaml:", "not closed");
	assert_bad("", "r.yaml:1:", "empty");
	assert_bad("name: [\n", "r.yaml:", "");
}

static void test_unknown_recipe_lists_the_known(void **state)
{
	(void)state;
	struct recipe *r = NULL;
	struct err err = {0};

	assert_int_equal(recipe_load("no-such", &r, &err), -ENOENT);
	assert_non_null(strstr(err.text, "no-such"));
	assert_non_null(strstr(err.text, "nginx"));
	memset(&err, 0, sizeof(err));
	assert_int_equal(recipe_load("/no/such/recipe.yaml", &r, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/no/such/recipe.yaml"));
}

static void test_built_in_recipes_are_good(void **state)
{
	(void)state;
	static const char *const names[] = {"nginx", "haproxy", "portkey", "reference"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct recipe *r = NULL;
		struct err err = {0};
		if (recipe_load(names[i], &r, &err))
			fail_msg("%s", err.text);
		assert_string_equal(recipe_name(r), names[i]);
		recipe_free(r);
	}
}

static void assert_expands(const char *template, const char *want)
{
	struct template_vars v = {.count = 0};
	struct buf out = {0};
	char problem[160];

	template_set(&v, "a", "1");
	template_set(&v, "b", "two");
	template_set(&v, "none", "");
	int ret = template_expand(&v, template, &out, problem, sizeof(problem));
	if (want) {
		assert_int_equal(ret, 0);
		assert_string_equal(out.data, want);
	} else {
		assert_int_equal(ret, -EINVAL);
	}
	buf_fini(&out);
}

static void test_templates(void **state)
{
	(void)state;
	assert_expands("", "");
	assert_expands("x{{a}}y{{b}}", "x1ytwo");
	assert_expands("{ {a} }", "{ {a} }");
	assert_expands("[{{#a}}on {{b}}{{/a}}]", "[on two]");
	assert_expands("[{{#none}}on {{b}}{{/none}}]", "[]");
	assert_expands("[{{^none}}off{{/none}}{{^a}}x{{/a}}]", "[off]");
	assert_expands("{{#a}}{{#none}}x{{/none}}{{#b}}y{{/b}}{{/a}}", "y");
	assert_expands("{{#none}}{{#a}}x{{/a}}{{/none}}", "");
	assert_expands("{{c}}", NULL);
	assert_expands("{{a", NULL);
	assert_expands("{{}}", NULL);
	assert_expands("{{#a}}x", NULL);
	assert_expands("{{#a}}x{{/b}}", NULL);
	assert_expands("x{{/a}}", NULL);
	assert_expands("{{0123456789012345678901234567890123456789012345678901234567890123456789}}", NULL);
}

/* --- starting: this program is the gateway (act_as_gateway) -------------------------------------------------------------------------- */

static const struct recipe_params params = {.upstream_host = "127.0.0.1", .upstream_port = 9};

static void test_start_and_stop(void **state)
{
	(void)state;
	struct recipe *r = parse_good(
		HEAD "start: [\"{{toll}}\", listen, \"{{listen_port}}\"]\nready: {path: /}\nenvironment: [\"TOLL_X={{b}}\"]\n"
		     "parameters: [{name: b, default: two, one_of: [two, three]}]\nheaders: [\"X-To: {{upstream_port}}\"]\n"
		     "files: [{path: etc/conf, text: \"b={{b}}\"}]\nend: {grace: 100ms}\n");
	struct recipe_running running;
	struct recipe_params p = params;
	struct err err = {0};
	char why[256], path[300];
	struct buf conf = {0};
	const char *extra[] = {"b=three"};

	p.extra = extra;
	p.extras = 1;
	if (recipe_start(r, &p, &running, &err))
		fail_msg("%s", err.text);
	assert_false(recipe_has_ended(&running, why, sizeof(why)));
	assert_int_equal(running.headers, 1);
	assert_string_equal(running.header[0], "X-To: 9");
	snprintf(path, sizeof(path), "http://127.0.0.1:%u", running.listen_port);
	assert_string_equal(running.url, path);
	snprintf(path, sizeof(path), "%s/etc/conf", running.workdir);
	assert_int_equal(buf_read_file(&conf, path, 100), 0);
	assert_string_equal(conf.data, "b=three");
	buf_fini(&conf);
	pid_t pid = running.pid;
	/* it ignores SIGTERM, so the grace period passes and the whole group is killed */
	recipe_stop(&running);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(access(path, F_OK), -1);
	recipe_stop(&running);
	recipe_free(r);
}

static void test_death_at_start_tells_the_last_line(void **state)
{
	(void)state;
	struct recipe *r = parse_good(HEAD "start: [\"{{toll}}\", die]\n");
	struct recipe_running running;
	struct err err = {0};

	assert_int_equal(recipe_start(r, &params, &running, &err), -ECHILD);
	assert_non_null(strstr(err.text, "code 3"));
	assert_non_null(strstr(err.text, "the port is mine"));
	assert_null(strstr(err.text, "starting"));
	recipe_free(r);
	const char *log = strstr(err.text, "/tmp/toll-gateway-");
	assert_non_null(log);
	char directory[300];
	scratch_sweep();
	assert_int_equal(access(log, R_OK), 0); /* it tells why, to who reads it */
	snprintf(directory, sizeof(directory), "%.*s", (int)(strrchr(log, '/') - log), log);
	child_remove_directory(directory);
}

static void test_never_ready(void **state)
{
	(void)state;
	char dir[] = "/tmp/toll-test-recipe-XXXXXX", log[64];
	struct recipe *r = parse_good(HEAD "start: [\"{{toll}}\", sleep]\nready: {timeout: 50ms}\nend: {signal: KILL}\n");
	struct recipe_running running;
	struct recipe_params p = params;
	struct err err = {0};

	assert_non_null(mkdtemp(dir));
	p.workdir = dir;
	assert_int_equal(recipe_start(r, &p, &running, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "did not listen"));
	recipe_free(r);
	snprintf(log, sizeof(log), "%s/gateway.log", dir);
	unlink(log);
	assert_int_equal(rmdir(dir), 0);
}

static void assert_cannot_start(const char *text, const char *extra, int code, const char *says)
{
	struct recipe *r = parse_good(text);
	struct recipe_running running;
	struct recipe_params p = params;
	struct err err = {0};

	p.extra = &extra;
	p.extras = extra ? 1 : 0;
	p.workdir = "/tmp";
	assert_int_equal(recipe_start(r, &p, &running, &err), code);
	if (!strstr(err.text, says))
		fail_msg("expected \"%s\", got \"%s\"", says, err.text);
	recipe_free(r);
}

static void test_what_is_missing_is_told(void **state)
{
	(void)state;
	assert_cannot_start(HEAD "start: [x]\nneeds: [{program: no-such-program, package: some-package}]\n", NULL, -ENOTSUP,
			    "some-package");
	assert_cannot_start(HEAD "start: [x]\nneeds: [{program: bash, version: 999}]\n", NULL, -ENOTSUP, "999 or newer");
	assert_cannot_start(HEAD "start: [no-such-program]\n", NULL, -ENOENT, "no-such-program");
	assert_cannot_start(HEAD "start: [x]\nparameters: [{name: a, default: b}]\n", "c=d", -EINVAL, "it has: a");
	assert_cannot_start(HEAD "start: [x]\nparameters: [{name: a, default: b, one_of: [b]}]\n", "a=d", -EINVAL,
			    "cannot be \"d\"");
	assert_cannot_start(HEAD "start: [x]\n", "word", -EINVAL, "name=value");
}

static void test_prepare_runs_once(void **state)
{
	(void)state;
	char cache[] = "/tmp/toll-test-cache-XXXXXX", path[96];
	struct err err = {0};
	struct template_vars v = {.count = 0};
	struct buf counted = {0};
	struct recipe *r = parse_good(HEAD "start: [x]\nprepare:\n  directory: d\n  files: [{path: in, text: hello}]\n"
					   "  run: [\"{{toll}}\", count, \"{{workers}}\"]\n");
	char toll[PATH_MAX];

	assert_non_null(mkdtemp(cache));
	ssize_t n = readlink("/proc/self/exe", toll, sizeof(toll) - 1);
	assert_true(n > 0);
	toll[n] = '\0';
	template_set(&v, "toll", toll);
	template_set(&v, "workers", "0");
	for (int i = 0; i < 3; i++)
		if (recipe_prepare(r, &v, cache, &err))
			fail_msg("%s", err.text);
	snprintf(path, sizeof(path), "%s/count", cache);
	assert_int_equal(buf_read_file(&counted, path, 100), 0);
	assert_string_equal(counted.data, "x");
	buf_fini(&counted);
	/* one that fails leaves no stamp and tells where to look */
	snprintf(path, sizeof(path), "%s/.prepared", cache);
	assert_int_equal(unlink(path), 0);
	template_set(&v, "workers", "7");
	assert_int_equal(recipe_prepare(r, &v, cache, &err), -EIO);
	assert_non_null(strstr(err.text, "code 7"));
	assert_int_equal(access(path, F_OK), -1);
	static const char *const made[] = {"count", "in", ".lock", "prepare.log"};
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", cache, made[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(cache), 0);
	recipe_free(r);
}

static int listen_forever(const char *port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char request[512];
	const char *environment = getenv("TOLL_X");

	signal(SIGTERM, SIG_IGN);
	if (!environment || strcmp(environment, "three") || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 8))
		return 1;
	if (fork() < 0)
		return 1;
	for (;;) {
		int client = accept(fd, NULL, NULL);
		if (read(client, request, sizeof(request)) > 0 && write(client, "HTTP/1.1 404 No\r\n\r\n", 19) < 0)
			return 1;
		close(client);
	}
}

static int count(const char *code)
{
	FILE *f = fopen("count", "a");

	fputs("x", f);
	fclose(f);
	return atoi(code);
}

static int act_as_gateway(int argc, char **argv)
{
	if (!strcmp(argv[1], "listen") && argc == 3)
		return listen_forever(argv[2]);
	if (!strcmp(argv[1], "count") && argc == 3)
		return count(argv[2]);
	if (!strcmp(argv[1], "sleep"))
		for (;;)
			pause();
	fprintf(stderr, "starting\nthe port is mine\n\n");
	return 3;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_files_name_line_and_key),
		cmocka_unit_test(test_unknown_recipe_lists_the_known),
		cmocka_unit_test(test_built_in_recipes_are_good),
		cmocka_unit_test(test_templates),
		cmocka_unit_test(test_start_and_stop),
		cmocka_unit_test(test_death_at_start_tells_the_last_line),
		cmocka_unit_test(test_never_ready),
		cmocka_unit_test(test_what_is_missing_is_told),
		cmocka_unit_test(test_prepare_runs_once),
	};

	setenv("TOLL_SHARE", ".", 0); /* tests are run from the root of the tree */
	if (argc > 1)
		return act_as_gateway(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
