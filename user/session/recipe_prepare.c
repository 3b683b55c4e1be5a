// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "session/child.h"
#include "session/recipe_parts.h"

#define VERSION_TIMEOUT_NS (10 * NS_PER_S)
#define FILE_BYTES_MAX (8u << 20)

int make_directories(const char *path)
{
	char part[PATH_MAX];

	if (strlen(path) >= sizeof(part))
		return -ENAMETOOLONG;
	for (size_t i = 1;; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return -errno;
		if (path[i] == '\0')
			return 0;
	}
}

/* --- what the machine must have --------------------------------------------------------------------------------------------- */

/* What `program --version` says first. */
static int program_version(char *program, char *text, size_t size)
{
	char log[32], arg[] = "--version";
	char *argv[] = {program, arg, NULL};
	struct child_spec spec = {.argv = argv, .log_path = log};
	int status;

	int fd = memfd_create("version", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(log, sizeof(log), "/proc/self/fd/%d", fd);
	int ret = child_run(&spec, VERSION_TIMEOUT_NS, &status, NULL);
	ssize_t n = pread(fd, text, size - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	close(fd);
	return ret;
}

static int check_need(const struct recipe *r, const struct recipe_need *need, struct err *err)
{
	char text[256] = "", newer[48] = "", path[PATH_MAX];
	const char *package = need->package ? need->package : need->program;

	if (need->version)
		snprintf(newer, sizeof(newer), " %" PRIu32 " or newer", need->version);
	if (child_find_program(need->program, path, sizeof(path)))
		return err_set(err, -ENOTSUP, "recipe %s needs %s%s, which this machine lacks; install %s", r->content->name,
			       need->program, newer, package);
	if (!need->version)
		return 0;
	int ret = program_version(path, text, sizeof(text));
	if (!ret && strtoul(text + strcspn(text, "0123456789"), NULL, 10) >= need->version)
		return 0;
	return err_set(err, -ENOTSUP, "recipe %s needs %s%s, this machine has %.40s; install a newer %s", r->content->name,
		       need->program, newer, ret ? "one that does not tell" : text, package);
}

int recipe_check_needs(const struct recipe *r, const struct recipe_need *need, unsigned needs, struct err *err)
{
	int ret = 0;

	for (unsigned i = 0; i < needs && !ret; i++)
		ret = check_need(r, &need[i], err);
	return ret;
}

/* --- files ------------------------------------------------------------------------------------------------------------------ */

static int write_whole(const char *path, const char *data, size_t bytes)
{
	int ret = 0;

	FILE *f = fopen(path, "we");
	if (!f)
		return -errno;
	if (bytes && fwrite(data, 1, bytes, f) != bytes)
		ret = -EIO;
	if (fclose(f) && !ret)
		ret = -errno;
	return ret;
}

static int file_content(const struct recipe *r, const struct recipe_file *f, const struct template_vars *vars, struct buf *out,
			struct err *err)
{
	char source[PATH_MAX], problem[160];

	if (f->text) {
		int ret = template_expand(vars, f->text, out, problem, sizeof(problem));
		return ret ? err_set(err, ret, "%s: %s: %s", r->path, f->path, problem) : 0;
	}
	int n = snprintf(source, sizeof(source), "%s/%s", r->dir, f->copy);
	int ret = n > 0 && (size_t)n < sizeof(source) ? buf_read_file(out, source, FILE_BYTES_MAX) : -ENAMETOOLONG;
	return ret ? err_set(err, ret, "%s: cannot read %s: %s", r->path, f->copy, strerror(-ret)) : 0;
}

int recipe_write_file(const struct recipe *r, const struct recipe_file *f, const struct template_vars *vars, const char *dir,
		      struct err *err)
{
	char path[PATH_MAX];
	struct buf content = {0};

	int n = snprintf(path, sizeof(path), "%s/%s", dir, f->path);
	if (n <= 0 || (size_t)n >= sizeof(path))
		return err_set(err, -ENAMETOOLONG, "%s: the path of %s is too long", r->path, f->path);
	int ret = file_content(r, f, vars, &content, err);
	if (!ret) {
		char *slash = strrchr(path, '/');
		*slash = '\0';
		ret = make_directories(path);
		*slash = '/';
		if (!ret)
			ret = write_whole(path, content.data, content.used);
		if (ret)
			err_set(err, ret, "cannot write %s: %s", path, strerror(-ret));
	}
	buf_fini(&content);
	return ret;
}

/* --- prepare: once for each cache directory --------------------------------------------------------------------------------- */

int recipe_cache_dir(const struct recipe *r, char *dir, size_t size, struct err *err)
{
	const char *cache = getenv("TOLL_CACHE"), *home = getenv("HOME");
	const char *name = r->content->prepare ? r->content->prepare->directory : r->content->name;
	int n;

	if (cache && cache[0])
		n = snprintf(dir, size, "%s/%s", cache, name);
	else
		n = snprintf(dir, size, "%s/.cache/toll/%s", home && home[0] ? home : "/tmp", name);
	if (n <= 0 || (size_t)n >= size)
		return err_set(err, -ENAMETOOLONG,
			       "the path of the cache directory is too long; set TOLL_CACHE to a shorter one");
	return 0;
}

/* What was prepared: files and command, so that a changed recipe is prepared again. */
static int stamp_make(const struct recipe *r, const struct template_vars *vars, struct buf *stamp, struct err *err)
{
	const struct recipe_prepare *p = r->content->prepare;
	int ret = 0;

	for (unsigned i = 0; i < p->run.words && !ret; i++)
		ret = buf_printf(stamp, "%s ", p->run.word[i]);
	for (unsigned i = 0; i < p->files && !ret; i++) {
		struct buf content = {0};
		ret = file_content(r, &p->file[i], vars, &content, err);
		if (!ret)
			ret = buf_printf(stamp, "\n%s\n", p->file[i].path);
		if (!ret && content.used)
			ret = buf_append(stamp, content.data, content.used);
		buf_fini(&content);
	}
	return ret;
}

static bool stamp_is(const char *path, const struct buf *stamp)
{
	struct buf have = {0};

	bool same = !buf_read_file(&have, path, FILE_BYTES_MAX * 2) && have.used && have.used == stamp->used &&
		    !memcmp(have.data, stamp->data, have.used);
	buf_fini(&have);
	return same;
}

static int prepare_command(const struct recipe *r, const struct template_vars *vars, const char *dir, struct err *err)
{
	const struct recipe_words *run = &r->content->prepare->run;
	struct buf word[64] = {{0}};
	char *argv[65] = {NULL}, problem[160], log[PATH_MAX + 16], line[256], how[64];
	struct child_spec spec = {.argv = argv, .directory = dir, .log_path = log};
	int status = 0, ret = 0;

	snprintf(log, sizeof(log), "%s/prepare.log", dir);
	for (unsigned i = 0; i < run->words && !ret; i++) {
		ret = template_expand(vars, run->word[i], &word[i], problem, sizeof(problem));
		argv[i] = word[i].data;
	}
	if (ret)
		err_set(err, ret, "%s: prepare.run: %s", r->path, problem);
	else
		ret = child_run(&spec, r->prepare_ns, &status, err);
	if (!ret && status) {
		child_log_last_line(log, line, sizeof(line));
		ret = err_set(err, -EIO, "preparing recipe %s failed: %s %s: %.200s; see %s", r->content->name, run->word[0],
			      child_status_text(status, how, sizeof(how)), line, log);
	}
	for (unsigned i = 0; i < run->words; i++)
		buf_fini(&word[i]);
	return ret;
}

static int prepare_locked(const struct recipe *r, const struct template_vars *vars, const char *dir, struct err *err)
{
	const struct recipe_prepare *p = r->content->prepare;
	char path[PATH_MAX + 16];
	struct buf stamp = {0};

	snprintf(path, sizeof(path), "%s/.prepared", dir);
	int ret = stamp_make(r, vars, &stamp, err);
	if (ret || stamp_is(path, &stamp))
		goto out;
	unlink(path);
	ret = recipe_check_needs(r, p->need, p->needs, err);
	for (unsigned i = 0; i < p->files && !ret; i++)
		ret = recipe_write_file(r, &p->file[i], vars, dir, err);
	if (ret)
		goto out;
	log_line(LOG_INFO, "preparing %s once in %s: this takes a while and needs the network", r->content->title, dir);
	ret = prepare_command(r, vars, dir, err);
	if (!ret)
		ret = write_whole(path, stamp.data, stamp.used);
out:
	buf_fini(&stamp);
	if (ret)
		err_set(err, ret, "cannot prepare recipe %s in %s: %s", r->content->name, dir, strerror(-ret));
	return ret;
}

int recipe_prepare(const struct recipe *r, const struct template_vars *vars, const char *cache_dir, struct err *err)
{
	char path[PATH_MAX + 16];

	if (!r->content->prepare)
		return 0;
	int ret = make_directories(cache_dir);
	snprintf(path, sizeof(path), "%s/.lock", cache_dir);
	int lock = ret ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (lock < 0)
		return err_set(err, ret ? ret : -errno, "cannot use %s: %s; set TOLL_CACHE to a directory that can be written",
			       cache_dir, strerror(ret ? -ret : errno));
	while (flock(lock, LOCK_EX) && errno == EINTR)
		;
	ret = prepare_locked(r, vars, cache_dir, err);
	close(lock);
	return ret;
}
