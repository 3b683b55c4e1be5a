// SPDX-License-Identifier: GPL-2.0-only
/* The allocator functions of one ELF file. */
#include <stdio.h>
#include <string.h>

#include "probe/allocator.h"

#define CODE_MAX_BYTES 8192
#define CODE_GUESS_BYTES 64 /* of a function whose size the file does not tell */
#define CANDIDATES_MAX 96
#define WAY_BYTES 512 /* of a function without a name that an aligned form goes on to */
#define WAYS_MAX 8
#define OPERATOR_RANK 100 /* C functions are ranked below it */

struct row {
	const char *symbol;
	const char *shown;
	enum wire_alloc_kind kind;
};
/* With each of the prefixes; those that come first give a shared address its name. */
static const struct row plain[] = {
	{"malloc", "malloc", WIRE_ALLOC_MALLOC},
	{"calloc", "calloc", WIRE_ALLOC_CALLOC},
	{"realloc", "realloc", WIRE_ALLOC_REALLOC},
	{"free", "free", WIRE_ALLOC_FREE},
	{"posix_memalign", "posix_memalign", WIRE_ALLOC_POSIX_MEMALIGN},
	{"aligned_alloc", "aligned_alloc", WIRE_ALLOC_ALIGNED},
	{"memalign", "memalign", WIRE_ALLOC_ALIGNED},
	{"mallocx", "mallocx", WIRE_ALLOC_MALLOC},
	{"sdallocx", "sdallocx", WIRE_ALLOC_FREE},
};
/* jemalloc as C and Rust programs link it in, mimalloc, tcmalloc: under names of their own. */
static const char *const prefixes[] = {"", "je_", "_rjem_", "mi_", "tc_"};
/* Mangled names: every form of operator new takes the size first, every operator delete the block. */
static const struct row operators[] = {
	{"_Znwm", "operator new", WIRE_ALLOC_MALLOC},
	{"_Znam", "operator new[]", WIRE_ALLOC_MALLOC},
	{"_ZdlPv", "operator delete", WIRE_ALLOC_FREE},
	{"_ZdaPv", "operator delete[]", WIRE_ALLOC_FREE},
};

struct candidate {
	char shown[48];
	enum wire_alloc_kind kind;
	unsigned rank; /* lower names win a shared address */
	bool prefixed, is_operator;
	uint64_t entry, size;
};

struct scan {
	struct candidate candidate[CANDIDATES_MAX];
	unsigned candidates;
	bool has_malloc, has_prefixed_malloc, has_mallctl, has_mi_version, has_tc_version, has_gnu_version;
};

static const struct placement_need need_of[WIRE_ALLOC_KINDS] = {
	[WIRE_ALLOC_MALLOC] = {{PLACEMENT_REG_RDI}, 1, false},
	[WIRE_ALLOC_CALLOC] = {{PLACEMENT_REG_RDI, PLACEMENT_REG_RSI}, 2, false},
	[WIRE_ALLOC_REALLOC] = {{PLACEMENT_REG_RSI, PLACEMENT_REG_RDI}, 2, false},
	[WIRE_ALLOC_FREE] = {{PLACEMENT_REG_RDI}, 1, false},
	[WIRE_ALLOC_POSIX_MEMALIGN] = {{PLACEMENT_REG_RDX, PLACEMENT_REG_RSI, PLACEMENT_REG_RDI}, 3, false},
	[WIRE_ALLOC_ALIGNED] = {{PLACEMENT_REG_RSI, PLACEMENT_REG_RDI}, 2, false},
	[WIRE_ALLOC_GO] = {{PLACEMENT_REG_RAX}, 1, true},
};

/* "operator new[] (aligned, nothrow)" of _ZnamSt11align_val_tRKSt9nothrow_t: how its arguments differ. */
static void shown_write(char *out, size_t size, const char *shown, const char *arguments)
{
	bool aligned = strstr(arguments, "St11align_val_t"), nothrow = strstr(arguments, "RKSt9nothrow_t");
	bool sized = arguments[0] == 'm';

	snprintf(out, size, "%s%s%s%s%s%s%s", shown, aligned || nothrow || sized ? " (" : "", sized ? "sized" : "",
		 sized && (aligned || nothrow) ? ", " : "", aligned ? "aligned" : "",
		 aligned && nothrow ? ", nothrow"
		 : nothrow          ? "nothrow"
				    : "",
		 aligned || nothrow || sized ? ")" : "");
}

/* arguments: what of the mangled name tells its form; "" for C functions. */
static void candidate_add(struct scan *s, const struct row *row, unsigned rank, bool prefixed, const char *arguments,
			  const struct elf_function *f)
{
	struct candidate *c = &s->candidate[s->candidates];

	if (s->candidates == CANDIDATES_MAX)
		return;
	*c = (struct candidate){.kind = row->kind, .rank = rank, .prefixed = prefixed, .entry = f->offset, .size = f->size};
	c->is_operator = rank >= OPERATOR_RANK;
	shown_write(c->shown, sizeof(c->shown), row->shown, arguments);
	s->candidates++;
}

static void match_plain(struct scan *s, const struct elf_function *f)
{
	for (unsigned p = 0; p < sizeof(prefixes) / sizeof(*prefixes); p++) {
		size_t n = strlen(prefixes[p]);

		if (strncmp(f->name, prefixes[p], n))
			continue;
		for (unsigned i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
			if (strcmp(f->name + n, plain[i].symbol))
				continue;
			candidate_add(s, &plain[i], i, p > 0, "", f);
			s->has_malloc |= !i && !p;
			s->has_prefixed_malloc |= !i && p;
		}
	}
}

static void match_family(struct scan *s, const char *name)
{
	s->has_mallctl |= !strcmp(name, "mallctl") || !strcmp(name, "je_mallctl") || !strcmp(name, "_rjem_mallctl");
	s->has_mi_version |= !strcmp(name, "mi_version");
	s->has_tc_version |= !strcmp(name, "tc_version");
	s->has_gnu_version |= !strcmp(name, "gnu_get_libc_version") || !strcmp(name, "__libc_malloc");
}

static int on_function(void *ctx, const struct elf_function *f)
{
	static const struct row go = {"runtime.mallocgc", "runtime.mallocgc", WIRE_ALLOC_GO};
	struct scan *s = ctx;

	match_plain(s, f);
	match_family(s, f->name);
	for (unsigned i = 0; i < sizeof(operators) / sizeof(*operators); i++)
		if (!strncmp(f->name, operators[i].symbol, strlen(operators[i].symbol)))
			candidate_add(s, &operators[i], OPERATOR_RANK + i, false, f->name + strlen(operators[i].symbol), f);
	if (!strcmp(f->name, go.symbol))
		candidate_add(s, &go, 0, false, "", f);
	return 0;
}

/*
 * A library that has operator new but no malloc (libstdc++) calls malloc: counted there. So do the prefixed names of a file that also
 * has the plain ones.
 */
static bool is_wanted(const struct scan *s, const struct candidate *c)
{
	if (c->is_operator)
		return s->has_malloc || s->has_prefixed_malloc;
	return !(c->prefixed && s->has_malloc);
}

/* The other names of an address: "free, operator delete". */
static void name_add(struct allocator_function *f, const char *shown)
{
	size_t used = strlen(f->name), n = strlen(shown);
	const char *at = strstr(f->name, shown);

	if (at && (at[n] == ',' || !at[n]))
		return;
	if (used + n + 3 < sizeof(f->name))
		snprintf(f->name + used, sizeof(f->name) - used, ", %s", shown);
}

static bool is_known(struct allocators *out, unsigned file, const struct candidate *c)
{
	for (unsigned i = 0; i < out->functions; i++) {
		if (out->function[i].file != file || out->function[i].entry != c->entry)
			continue;
		name_add(&out->function[i], c->shown);
		return true;
	}
	return false;
}

static bool function_add(struct allocators *out, unsigned file, const struct elf_file *elf, const struct candidate *c, bool go)
{
	struct allocator_function f = {.kind = c->kind, .file = file, .entry = c->entry};
	uint8_t code[CODE_MAX_BYTES];
	uint64_t want = c->size ? c->size : CODE_GUESS_BYTES;
	size_t have = elf_file_read(elf, c->entry, code, want < sizeof(code) ? (size_t)want : sizeof(code));

	if (out->functions == ALLOCATOR_FUNCTIONS_MAX || placement_choose(code, have, &need_of[c->kind], &f.place))
		return false;
	/* it goes straight on to free or malloc, which has a probe of its own */
	if (c->is_operator && !f.place.offset && f.place.insn == PROBE_INSN_JMP)
		return false;
	snprintf(f.name, sizeof(f.name), "%s", c->shown);
	f.entry_only = go;
	out->function[out->functions++] = f;
	return true;
}

static const char *family_of(const struct scan *s, const char *shown)
{
	if (s->has_mallctl)
		return "jemalloc";
	if (s->has_mi_version)
		return "mimalloc";
	if (s->has_tc_version)
		return "tcmalloc";
	if (s->has_gnu_version)
		return "glibc";
	return strstr(shown, "musl") ? "musl" : "";
}

/* The code at this place of the file: is it how glibc hands on to malloc? */
static bool code_hands_on(const struct elf_file *elf, uint64_t at, size_t bytes, uint64_t malloc_at)
{
	uint8_t code[WAY_BYTES];

	return placement_hands_on(code, elf_file_read(elf, at, code, bytes < sizeof(code) ? bytes : sizeof(code)),
				  (int64_t)(malloc_at - at));
}

/* By itself, or where it goes on to: posix_memalign calls _mid_memalign(), aligned_alloc jumps there. */
static bool hands_on(const struct elf_file *elf, const struct candidate *c, uint64_t malloc_at)
{
	uint8_t code[WAY_BYTES];
	size_t bytes = elf_file_read(elf, c->entry, code, c->size < sizeof(code) ? (size_t)c->size : sizeof(code));
	int64_t to[WAYS_MAX];
	unsigned ways = placement_goes_to(code, bytes, to, WAYS_MAX);
	bool found = code_hands_on(elf, c->entry, bytes, malloc_at);

	for (unsigned i = 0; i < ways && !found; i++)
		found = code_hands_on(elf, c->entry + (uint64_t)to[i], WAY_BYTES, malloc_at);
	return found;
}

static void hands_on_look(struct allocators *out, unsigned file, const struct elf_file *elf, const struct scan *s)
{
	uint64_t malloc_at = 0;

	for (unsigned i = 0; i < out->functions; i++)
		if (out->function[i].file == file && out->function[i].kind == WIRE_ALLOC_MALLOC &&
		    !strncmp(out->function[i].name, plain[0].shown, strlen(plain[0].shown)))
			malloc_at = out->function[i].entry;
	for (unsigned i = 0; malloc_at && i < out->functions; i++) {
		struct allocator_function *f = &out->function[i];
		bool aligns = f->kind == WIRE_ALLOC_POSIX_MEMALIGN || f->kind == WIRE_ALLOC_ALIGNED;

		for (unsigned c = 0; f->file == file && aligns && !f->hands_on && c < s->candidates; c++)
			f->hands_on = s->candidate[c].entry == f->entry && hands_on(elf, &s->candidate[c], malloc_at);
	}
}

unsigned allocators_add_file(struct allocators *out, unsigned file, const struct elf_file *elf, bool go)
{
	struct scan s = {.candidates = 0};
	unsigned added = 0;

	elf_file_each_function(elf, on_function, &s);
	for (unsigned rank = 0; rank < OPERATOR_RANK + sizeof(operators) / sizeof(*operators); rank++)
		for (unsigned i = 0; i < s.candidates; i++)
			if (s.candidate[i].rank == rank && is_wanted(&s, &s.candidate[i]) &&
			    !is_known(out, file, &s.candidate[i]))
				added += function_add(out, file, elf, &s.candidate[i], go);
	snprintf(out->file[file].family, sizeof(out->file[file].family), "%s", family_of(&s, out->file[file].shown));
	hands_on_look(out, file, elf, &s);
	return added;
}
