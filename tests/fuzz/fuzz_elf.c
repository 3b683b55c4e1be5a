// rooms: base probe/placement probe/elf_file probe/allocator_file
// SPDX-License-Identifier: GPL-2.0-only
/* Any bytes as an ELF file whose allocator is looked for, and as the code of a function. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probe/allocator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_code(const uint8_t *data, size_t size)
{
	static const struct placement_need needs[] = {
		{{PLACEMENT_REG_RDI}, 1, false},
		{{PLACEMENT_REG_RDX, PLACEMENT_REG_RDI}, 2, false},
		{{PLACEMENT_REG_RAX}, 1, true},
	};
	struct placement p;

	for (size_t i = 0; i < sizeof(needs) / sizeof(*needs); i++)
		if (!placement_choose(data, size, &needs[i], &p) && p.offset >= size)
			abort();
	placement_hands_on(data, size, (int64_t)size);
}

/* The fuzzer would not find the magic, the class and the machine by itself. */
static void as_file(uint8_t *image, size_t size)
{
	static const uint8_t head[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
	static struct allocators found;
	struct elf_file *elf;

	if (size < 64)
		return;
	memcpy(image, head, sizeof(head));
	image[18] = 62; /* EM_X86_64 */
	image[19] = 0;
	if (elf_file_open_memory(&elf, image, size))
		return;
	memset(&found, 0, sizeof(found));
	allocators_add_file(&found, 0, elf, size % 2);
	elf_file_has_section(elf, ".go.buildinfo");
	elf_file_is_dynamic(elf);
	elf_file_close(elf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);

	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	as_code(copy, size);
	as_file(copy, size);
	free(copy);
	return 0;
}
