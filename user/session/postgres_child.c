// SPDX-License-Identifier: GPL-2.0-only
#include "session/postgres_child.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "gateway/key_digest.h"
#include "session/child.h"
#include "session/peer_child.h"

#define PROGRAMS "/usr/lib/postgresql/*/bin/" /* Debian keeps them out of PATH, a directory for each major version */
#define SETUP_NS (60 * NS_PER_S)
#define READY_NS (20 * NS_PER_S)
#define LOOK_NS (5 * NS_PER_MS)
#define STOP_NS (5 * NS_PER_S)
#define TRIES 3
#define PATH_ROOM 300

struct setup {
	struct postgres_child *out;
	const char *log_path;
	char initdb[PATH_ROOM], postgres[PATH_ROOM];
	uid_t uid; /* 0: ours */
	gid_t gid;
	char password[33];
};

/* --- what is here ------------------------------------------------------------------------------------------------------------- */

static int program_find(const char *name, char *path, size_t size)
{
	char pattern[64];
	glob_t found = {0};
	int ret = -ENOENT;

	snprintf(pattern, sizeof(pattern), PROGRAMS "%s", name);
	if (!glob(pattern, 0, NULL, &found) && found.gl_pathc) {
		int n = snprintf(path, size, "%s", found.gl_pathv[found.gl_pathc - 1]);

		ret = n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
	}
	globfree(&found);
	return ret ? child_find_program(name, path, size) : 0;
}

/* It refuses to run as root. */
static int user_find(struct setup *s, struct err *err)
{
	const struct passwd *user;

	if (geteuid())
		return 0;
	user = getpwnam("postgres");
	if (!user || !user->pw_uid)
		user = getpwnam("nobody");
	if (!user || !user->pw_uid)
		return err_set(err, -ENOTSUP, "PostgreSQL does not run as root, and this machine has no user postgres or nobody");
	s->uid = user->pw_uid;
	s->gid = user->pw_gid;
	return 0;
}

/* --- its directory ------------------------------------------------------------------------------------------------------------ */

/* Readable by its owner alone, who is the database's user. */
static int file_write(const struct setup *s, const char *name, const char *text)
{
	char path[64];
	size_t bytes = strlen(text);
	int ret = 0, fd;

	snprintf(path, sizeof(path), "%s/%s", s->out->directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, bytes) != (ssize_t)bytes || (s->uid && fchown(fd, s->uid, s->gid)))
		ret = errno ? -errno : -EIO;
	close(fd);
	return ret;
}

static int directory_make(struct setup *s, struct err *err)
{
	unsigned char random[16] = {0};
	char pass[80];
	int ret = scratch_make(&s->out->own, "db");

	if (ret)
		return err_set(err, ret, "cannot make a directory for PostgreSQL in /tmp: %s", strerror(-ret));
	snprintf(s->out->directory, sizeof(s->out->directory), "%s/db", s->out->own.path);
	if (chmod(s->out->own.path, 0711) || mkdir(s->out->directory, 0700))
		ret = -errno;
	if (!ret && getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		ret = -EIO;
	for (unsigned i = 0; i < sizeof(random); i++)
		snprintf(s->password + 2 * i, 3, "%02x", random[i]);
	snprintf(pass, sizeof(pass), "*:*:*:toll:%s\n", s->password);
	if (!ret && s->uid && chown(s->out->directory, s->uid, s->gid))
		ret = -errno;
	if (!ret)
		ret = file_write(s, "pass", pass);
	return ret ? err_set(err, ret, "cannot prepare %s for PostgreSQL: %s", s->out->directory, strerror(-ret)) : 0;
}

/* --- its programs ------------------------------------------------------------------------------------------------------------- */

static int setup_run(const struct setup *s, char *const *argv, const char *input, struct err *err)
{
	const struct child_spec spec = {.argv = argv,
					.directory = s->out->directory,
					.log_path = s->log_path,
					.input_path = input,
					.uid = s->uid,
					.gid = s->gid};
	char said[200], how[64];
	int status = 0, ret = child_run(&spec, SETUP_NS, &status, err);

	if (ret || !status)
		return ret;
	child_log_last_line(s->log_path, said, sizeof(said));
	return err_set(err, -EIO, "%s %s: %s", argv[0], child_status_text(status, how, sizeof(how)), said);
}

/* Nothing but the one role, over loopback, with its password. */
static int cluster_make(const struct setup *s, struct err *err)
{
	static const char access[] = "host postgres toll 127.0.0.1/32 md5\n";
	char data[64];
	char *argv[] = {(char *)(uintptr_t)s->initdb,
			"--pgdata",
			data,
			"--no-sync",
			"--locale=C",
			"--encoding=UTF8",
			"--auth=reject",
			"--wal-segsize=1",
			"--username=postgres",
			NULL};

	snprintf(data, sizeof(data), "%s/data", s->out->directory);
	int ret = setup_run(s, argv, NULL, err);
	if (ret)
		return ret;
	ret = file_write(s, "data/pg_hba.conf", access);
	return ret ? err_set(err, ret, "cannot write PostgreSQL's access rules: %s", strerror(-ret)) : 0;
}

/* A statement on each line, for a server in single-user mode; names are checked to be words, and a quote in one is doubled anyway. */
static int keys_write(const struct setup *s, const struct postgres_key *key, unsigned keys)
{
	struct buf sql = {0};
	int ret = buf_printf(
		&sql,
		"CREATE TABLE api_keys (digest text PRIMARY KEY, tenant text NOT NULL, rate_per_s double precision NOT "
		"NULL)\nSET password_encryption = 'md5'\nCREATE ROLE toll LOGIN PASSWORD '%s'\n"
		"GRANT SELECT ON api_keys TO toll\n",
		s->password);

	for (unsigned i = 0; i < keys && !ret; i++) {
		char digest[KEY_DIGEST_SIZE], tenant[2 * 64 + 1];
		size_t used = 0;

		for (const char *c = key[i].tenant; *c && used < sizeof(tenant) - 2; c++) {
			if (*c == '\'')
				tenant[used++] = '\'';
			tenant[used++] = *c;
		}
		tenant[used] = '\0';
		ret = key_digest(key[i].key, digest);
		if (!ret)
			ret = buf_printf(&sql, "INSERT INTO api_keys VALUES ('%s', '%s', %.6f)\n", digest, tenant,
					 key[i].rate_per_s);
	}
	/* single-user mode ends with 0 whatever the statements came to */
	if (!ret)
		ret = buf_printf(&sql, "COPY (SELECT count(*) FROM api_keys) TO '%s/keys'\n", s->out->directory);
	if (!ret)
		ret = file_write(s, "setup.sql", sql.data);
	buf_fini(&sql);
	return ret;
}

static int keys_load(const struct setup *s, const struct postgres_key *key, unsigned keys, struct err *err)
{
	char data[64], sql[64], told[64], expected[16];
	char *argv[] = {(char *)(uintptr_t)s->postgres, "--single", "-D", data, "-c", "fsync=off", "postgres", NULL};
	struct buf have = {0};

	snprintf(data, sizeof(data), "%s/data", s->out->directory);
	snprintf(sql, sizeof(sql), "%s/setup.sql", s->out->directory);
	snprintf(told, sizeof(told), "%s/keys", s->out->directory);
	snprintf(expected, sizeof(expected), "%u\n", keys);
	int ret = keys_write(s, key, keys);
	if (ret)
		return err_set(err, ret, "cannot write the API keys for PostgreSQL: %s", strerror(-ret));
	ret = setup_run(s, argv, sql, err);
	unlink(sql);
	if (ret)
		return ret;
	if (buf_read_file(&have, told, sizeof(expected)) || !have.used || strcmp(have.data, expected) != 0)
		ret = err_set(err, -EIO, "PostgreSQL did not take the API keys; see %s", s->log_path);
	buf_fini(&have);
	return ret;
}

/* The last line of postmaster.pid says when it takes queries; its port listens before that. */
static bool is_ready(const struct postgres_child *p)
{
	char path[64];
	struct buf have = {0};
	bool ready;

	snprintf(path, sizeof(path), "%s/data/postmaster.pid", p->directory);
	ready = !buf_read_file(&have, path, 4096) && have.used && strstr(have.data, "\nready");
	buf_fini(&have);
	return ready;
}

static int server_start(const struct setup *s, struct err *err)
{
	struct postgres_child *p = s->out;
	char data[64], port[16], said[200];
	char *argv[] = {(char *)(uintptr_t)s->postgres,
			"-D",
			data,
			"-c",
			port,
			"-c",
			"listen_addresses=127.0.0.1",
			"-c",
			"unix_socket_directories=",
			"-c",
			"max_connections=1000",
			"-c",
			"superuser_reserved_connections=0",
			"-c",
			"shared_buffers=16MB",
			"-c",
			"fsync=off",
			"-c",
			"jit=off",
			NULL};
	const struct child_spec spec = {
		.argv = argv, .directory = p->directory, .log_path = s->log_path, .uid = s->uid, .gid = s->gid};
	uint64_t until_ns = clock_now_ns() + READY_NS;
	int status, ret;

	snprintf(data, sizeof(data), "%s/data", p->directory);
	p->port = peer_child_port();
	snprintf(port, sizeof(port), "port=%u", p->port);
	ret = child_start(&spec, &p->pid, err);
	while (!ret && clock_now_ns() < until_ns && !child_ended(p->pid, &status)) {
		if (is_ready(p))
			return 0;
		clock_sleep_until(clock_now_ns() + LOOK_NS, NULL);
	}
	if (ret)
		return ret;
	child_stop(p->pid, SIGQUIT, STOP_NS, NULL);
	p->pid = 0;
	child_log_last_line(s->log_path, said, sizeof(said));
	return err_set(err, -ETIMEDOUT, "PostgreSQL did not start: %s", said[0] ? said : "it said nothing");
}

/* --- what the room offers ------------------------------------------------------------------------------------------------------ */

int postgres_child_start(struct postgres_child *out, const struct postgres_key *key, unsigned keys, const char *log_path,
			 struct err *err)
{
	struct setup s = {.out = out, .log_path = log_path};
	int ret;

	*out = (struct postgres_child){0};
	if (program_find("initdb", s.initdb, sizeof(s.initdb)) || program_find("postgres", s.postgres, sizeof(s.postgres)))
		return err_set(
			err, -ENOTSUP,
			"the scenario's db needs a PostgreSQL (Debian's package postgresql-15); install it, or run against "
			"a gateway of your own");
	ret = user_find(&s, err);
	if (!ret)
		ret = directory_make(&s, err);
	if (!ret)
		ret = cluster_make(&s, err);
	if (!ret)
		ret = keys_load(&s, key, keys, err);
	for (unsigned i = 0; !ret && i < TRIES; i++) {
		ret = server_start(&s, err);
		if (!ret)
			break;
		ret = i + 1 < TRIES ? 0 : ret;
	}
	if (ret) {
		postgres_child_stop(out);
		return ret;
	}
	snprintf(out->conninfo, sizeof(out->conninfo),
		 "host=127.0.0.1 port=%u user=toll dbname=postgres passfile=%s/pass sslmode=disable gssencmode=disable",
		 out->port, out->directory);
	return 0;
}

/* SIGINT: it ends its clients, writes nothing more than it must, and goes. */
void postgres_child_stop(struct postgres_child *p)
{
	if (p->pid > 0)
		child_stop(p->pid, SIGINT, STOP_NS, NULL);
	p->pid = 0;
	scratch_remove(&p->own);
}
