// SPDX-License-Identifier: GPL-2.0-only
#include "record/said.h"

/* Of different beginnings and lengths: two of them in the wrong order do not pass for each other. */
const char *said_word(uint64_t id, uint32_t k)
{
	static const char *const words[] = {" the",  " toll",  " of",   " each", " request", " is",   " what", " a",
					    " gate", " keeps", " when", " it",   " lets",    " time", " pass", " by"};

	return words[(id + k * 7u) % (sizeof(words) / sizeof(words[0]))];
}

bool said_hear(struct said *s, const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		const char *word = said_word(s->id, s->word);

		if (text[i] != word[s->at])
			return false;
		if (!word[++s->at]) {
			s->word++;
			s->at = 0;
		}
	}
	return true;
}
