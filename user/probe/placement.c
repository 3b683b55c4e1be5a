// SPDX-License-Identifier: GPL-2.0-only
#include "probe/placement.h"

#include <Zydis/Zydis.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define REGS 16
#define WAY_INSNS 12 /* looked at behind a comparison */

struct decoded {
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];
};

struct walk {
	ZydisDecoder decoder;
	const uint8_t *code;
	size_t bytes;
	const struct placement_need *need;
	uint16_t holders[PLACEMENT_ARGS_MAX]; /* registers that hold the argument, by number */
	uint32_t lowest_back_target; /* of all jumps back into the prologue; UINT32_MAX: none */
};

const char *probe_insn_name(enum probe_insn insn)
{
	static const char *const name[PROBE_INSNS] = {"stepped", "push", "nop", "jcc", "jmp", "call"};

	return (unsigned)insn < PROBE_INSNS ? name[insn] : "?";
}

static bool decode(const struct walk *w, size_t at, struct decoded *d)
{
	return at < w->bytes &&
	       ZYAN_SUCCESS(ZydisDecoderDecodeFull(&w->decoder, w->code + at, w->bytes - at, &d->insn, d->operand));
}

/* Number of the 64-bit register that this one is a part of; -1: no general purpose register. */
static int reg_number(ZydisRegister reg)
{
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);

	if (whole < ZYDIS_REGISTER_RAX || whole > ZYDIS_REGISTER_R15)
		return -1;
	return (int)(whole - ZYDIS_REGISTER_RAX);
}

/* Prefixes before the opcode, as the kernel's decoder counts them: REX is none of them. */
static unsigned legacy_prefixes(const ZydisDecodedInstruction *insn)
{
	return insn->raw.prefix_count - (insn->attributes & ZYDIS_ATTRIB_HAS_REX ? 1u : 0u);
}

static bool is_jcc(const ZydisDecodedInstruction *insn)
{
	if (insn->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT)
		return insn->opcode >= 0x70 && insn->opcode <= 0x7f;
	return insn->opcode_map == ZYDIS_OPCODE_MAP_0F && insn->opcode >= 0x80 && insn->opcode <= 0x8f;
}

/*
 * branch_setup_xol_ops() and push_setup_xol_ops(): nop is 0x90 alone (longer ones are stepped before 6.18), call and jmp are the relative
 * ones, push is 0x50-0x57 with no prefix but REX.B (13ebe18c94f5, 4.16). An operand-size prefix before a branch is refused.
 */
static enum probe_insn kind_of(const ZydisDecodedInstruction *insn)
{
	if (insn->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY || legacy_prefixes(insn))
		return PROBE_INSN_STEPPED;
	if (is_jcc(insn))
		return PROBE_INSN_JCC;
	if (insn->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT)
		return PROBE_INSN_STEPPED;
	if (insn->opcode >= 0x50 && insn->opcode <= 0x57)
		return insn->length == 1 || (insn->length == 2 && insn->raw.rex.offset == 0 && !insn->raw.rex.W)
			       ? PROBE_INSN_PUSH
			       : PROBE_INSN_STEPPED;
	if (insn->opcode == 0x90 && insn->length == 1)
		return PROBE_INSN_NOP;
	if (insn->opcode == 0xeb || insn->opcode == 0xe9)
		return PROBE_INSN_JMP;
	return insn->opcode == 0xe8 ? PROBE_INSN_CALL : PROBE_INSN_STEPPED;
}

/* Does the instruction leave the straight line, always or sometimes? */
static bool is_branch(const ZydisDecodedInstruction *insn)
{
	switch (insn->meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_SYSCALL:
		return true;
	default:
		return false;
	}
}

/* Where a call or jump at `at` leads, relative to the code; false: it is none, or leads where a register says. */
static bool branch_target(const struct decoded *d, size_t at, int64_t *target)
{
	ZyanU64 address;

	if (!is_branch(&d->insn) || !d->insn.operand_count || d->operand[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
	    !d->operand[0].imm.is_relative || !ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&d->insn, &d->operand[0], at, &address)))
		return false;
	*target = (int64_t)address;
	return true;
}

/* A jump that comes from farther on back to [0, here] would pass the probe again in the same call. */
static void back_targets_find(struct walk *w)
{
	struct decoded d;
	int64_t target;

	w->lowest_back_target = UINT32_MAX;
	for (size_t at = 0; at < w->bytes; at += decode(w, at, &d) ? d.insn.length : 1) {
		if (!decode(w, at, &d) || d.insn.meta.category == ZYDIS_CATEGORY_CALL || !branch_target(&d, at, &target))
			continue;
		if (target >= 0 && target <= (int64_t)at && target < w->lowest_back_target && !(w->need->go && !target))
			w->lowest_back_target = (uint32_t)target;
	}
}

/* The arguments' whereabouts after this instruction; false: one is lost, or the stack pointer has moved. */
static bool registers_follow(struct walk *w, const struct decoded *d)
{
	int from = -1, to = -1;

	if (d->insn.mnemonic == ZYDIS_MNEMONIC_MOV && d->insn.operand_width == 64 &&
	    d->operand[0].type == ZYDIS_OPERAND_TYPE_REGISTER && d->operand[1].type == ZYDIS_OPERAND_TYPE_REGISTER) {
		to = reg_number(d->operand[0].reg.value);
		from = reg_number(d->operand[1].reg.value);
	}
	for (unsigned i = 0; i < d->insn.operand_count; i++) {
		int reg;

		if (d->operand[i].type != ZYDIS_OPERAND_TYPE_REGISTER ||
		    !(d->operand[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		reg = reg_number(d->operand[i].reg.value);
		if (reg == reg_number(ZYDIS_REGISTER_RSP))
			return false;
		if (reg < 0)
			continue;
		for (unsigned arg = 0; arg < w->need->args; arg++) {
			bool copy = reg == to && from >= 0 && (w->holders[arg] >> from & 1);

			w->holders[arg] = (uint16_t)(copy ? w->holders[arg] | 1u << reg : w->holders[arg] & ~(1u << reg));
		}
	}
	for (unsigned arg = 0; arg < w->need->args; arg++)
		if (!w->holders[arg])
			return false;
	return true;
}

static void take(const struct walk *w, size_t at, const struct decoded *d, struct placement *out)
{
	ZydisFormatter formatter;
	bool operands = kind_of(&d->insn) <= PROBE_INSN_NOP; /* a branch's target means little without the code around it */

	memset(out, 0, sizeof(*out));
	out->offset = (uint32_t)at;
	out->insn = kind_of(&d->insn);
	for (unsigned arg = 0; arg < w->need->args; arg++) {
		out->reg[arg] = w->need->reg[arg];
		if (!(w->holders[arg] >> out->reg[arg] & 1))
			out->reg[arg] = (uint8_t)__builtin_ctz(w->holders[arg]);
	}
	if (!operands || !ZYAN_SUCCESS(ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_ATT)) ||
	    !ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&formatter, &d->insn, d->operand, d->insn.operand_count_visible,
							  out->text, sizeof(out->text), at, NULL)))
		snprintf(out->text, sizeof(out->text), "%s", ZydisMnemonicGetString(d->insn.mnemonic));
}

/* Go's stack check may send a call back to the entry: a push right behind it is passed once, the check itself perhaps twice. */
static bool go_body_has_push(const struct walk *w, size_t at, struct decoded *d)
{
	return decode(w, at, d) && kind_of(&d->insn) == PROBE_INSN_PUSH;
}

int placement_choose(const uint8_t *code, size_t bytes, const struct placement_need *need, struct placement *out)
{
	struct walk w = {.code = code, .bytes = bytes, .need = need};
	struct decoded d, body;
	size_t at = 0;

	if (!ZYAN_SUCCESS(ZydisDecoderInit(&w.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) || !decode(&w, 0, &d))
		return -EINVAL;
	for (unsigned arg = 0; arg < need->args; arg++)
		w.holders[arg] = (uint16_t)(1u << (need->reg[arg] % REGS));
	take(&w, 0, &d, out);
	back_targets_find(&w);
	while (decode(&w, at, &d) && w.lowest_back_target > at) {
		if (kind_of(&d.insn) != PROBE_INSN_STEPPED) {
			if (need->go && kind_of(&d.insn) == PROBE_INSN_JCC && go_body_has_push(&w, at + d.insn.length, &body)) {
				at += d.insn.length;
				d = body;
			}
			take(&w, at, &d, out);
			break;
		}
		if (is_branch(&d.insn) || !registers_follow(&w, &d))
			break;
		at += d.insn.length;
	}
	return 0;
}

/* From here on straight to the target: the first branch leads there. */
static bool way_leads_to(const struct walk *w, int64_t at, int64_t target)
{
	struct decoded d;
	int64_t to;

	for (unsigned n = 0; n < WAY_INSNS && at >= 0 && decode(w, (size_t)at, &d); n++) {
		if (is_branch(&d.insn))
			return d.insn.meta.category != ZYDIS_CATEGORY_COND_BR && branch_target(&d, (size_t)at, &to) &&
			       to == target;
		at += d.insn.length;
	}
	return false;
}

static bool compares_with_16(const struct decoded *d)
{
	return d->insn.mnemonic == ZYDIS_MNEMONIC_CMP && d->insn.operand_width == 64 &&
	       d->operand[0].type == ZYDIS_OPERAND_TYPE_REGISTER && d->operand[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
	       d->operand[1].imm.value.u == 16;
}

bool placement_hands_on(const uint8_t *code, size_t bytes, int64_t target)
{
	struct walk w = {.code = code, .bytes = bytes};
	struct decoded d, jump;
	int64_t taken;

	if (!ZYAN_SUCCESS(ZydisDecoderInit(&w.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return false;
	for (size_t at = 0; decode(&w, at, &d); at += d.insn.length) {
		size_t behind = at + d.insn.length;

		if (!compares_with_16(&d) || !decode(&w, behind, &jump) || jump.insn.meta.category != ZYDIS_CATEGORY_COND_BR ||
		    !branch_target(&jump, behind, &taken))
			continue;
		if (way_leads_to(&w, taken, target) || way_leads_to(&w, (int64_t)(behind + jump.insn.length), target))
			return true;
	}
	return false;
}

unsigned placement_goes_to(const uint8_t *code, size_t bytes, int64_t *out, unsigned room)
{
	struct walk w = {.code = code, .bytes = bytes};
	unsigned places = 0;
	struct decoded d;
	int64_t to;

	if (!ZYAN_SUCCESS(ZydisDecoderInit(&w.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return 0;
	for (size_t at = 0; places < room && decode(&w, at, &d); at += d.insn.length)
		if (branch_target(&d, at, &to) && (to < 0 || to >= (int64_t)bytes))
			out[places++] = to;
	return places;
}
