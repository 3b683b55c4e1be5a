// SPDX-License-Identifier: GPL-2.0-only
#include "report/build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

/* 15 digits come back as they were written, and 0.1 stays "0.1". */
#define DUMP_FLAGS (JSON_INDENT(2) | JSON_REAL_PRECISION(15))

static int write_synced(int fd, const char *text)
{
	int r = buf_write_all(fd, text, strlen(text));

	if (!r)
		r = buf_write_all(fd, "\n", 1);
	/* a full disk may show only here (delayed allocation, NFS) */
	if (!r && fsync(fd) && errno != EINVAL && errno != EROFS)
		r = -errno;
	if (close(fd) && !r)
		r = -errno;
	return r;
}

static int write_renamed(const char *text, const char *path)
{
	char temporary[4096];

	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	int fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
	if (fd < 0)
		return -errno;
	int r = write_synced(fd, text);
	if (!r && rename(temporary, path))
		r = -errno;
	if (r)
		unlink(temporary);
	return r;
}

static const char *advice(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return "free space there, or choose another place with --out";
	case ENOENT:
		return "make the directory first, or choose another place with --out";
	case EACCES:
	case EPERM:
	case EROFS:
		return "choose a place that you may write to with --out";
	default:
		return "choose another place with --out";
	}
}

int report_write_json(const json_t *doc, const char *path, struct err *err)
{
	struct stat st;
	char *text = json_dumps(doc, DUMP_FLAGS);

	if (!text)
		return err_set(err, -ENOMEM, "write the result %s: no memory", path);
	int r;
	/* /dev/stdout, a pipe: nothing to replace */
	if (!stat(path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		int fd = open(path, O_WRONLY | O_CLOEXEC);
		r = fd < 0 ? -errno : write_synced(fd, text);
	} else {
		r = write_renamed(text, path);
	}
	free(text);
	if (r)
		return err_set(err, r, "write the result %s: %s; %s", path, strerror(-r), advice(-r));
	return 0;
}

int report_print_json(const json_t *doc, FILE *out)
{
	errno = 0;
	if (json_dumpf(doc, out, DUMP_FLAGS) || fputc('\n', out) == EOF || fflush(out))
		return errno ? -errno : -EIO;
	return 0;
}

static int check_document(const char *path, const json_t *doc, struct err *err)
{
	struct err why = {0};
	json_error_t at;
	const char *name = json_string_value(json_object_get(doc, "schema"));

	if (!json_is_object(doc) || !name)
		return err_set(err, -EINVAL,
			       "%s: this is no result of toll (the field \"schema\" is missing); give the result.json of a run",
			       path);
	if (strcmp(name, "toll.result/1"))
		return err_set(err, -EINVAL, "%s: schema is \"%.60s\", this version of toll reads \"toll.result/1\"", path, name);
	json_t *schema = json_loads(report_schema(), 0, &at);
	if (!schema)
		return err_set(err, -ENOMEM, "%s: no memory", path);
	int r = schema_check(schema, doc, false, &why);
	json_decref(schema);
	if (r)
		return err_set(err, r, "%s: %s", path, why.text);
	return 0;
}

int report_read_json(const char *path, json_t **doc, struct err *err)
{
	json_error_t at;
	FILE *f = fopen(path, "re");

	*doc = NULL;
	if (!f) {
		int r = -errno;
		return err_set(err, r, "read the result %s: %s", path, strerror(-r));
	}
	json_t *read = json_loadf(f, JSON_REJECT_DUPLICATES, &at);
	int failed = ferror(f) ? errno : 0;
	fclose(f);
	if (!read && failed)
		return err_set(err, -failed, "read the result %s: %s", path, strerror(failed));
	if (!read)
		return err_set(err, -EINVAL, "%s: line %d: %s", path, at.line, at.text);
	int r = check_document(path, read, err);
	if (r) {
		json_decref(read);
		return r;
	}
	*doc = read;
	return 0;
}

bool report_same_keys(const json_t *a, const json_t *b)
{
	if (json_object_size(a) != json_object_size(b))
		return false;
	for (void *it = json_object_iter((json_t *)a); it; it = json_object_iter_next((json_t *)a, it))
		if (!json_object_get(b, json_object_iter_key(it)))
			return false;
	return true;
}
