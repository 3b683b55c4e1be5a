// SPDX-License-Identifier: GPL-2.0-only
#include "base/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <stddef.h>
#include <sys/prctl.h>

static const capng_type_t in_effect = (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED);

static int keep(const unsigned *capability, size_t count, bool admin)
{
	bool has[64] = {false}, may_admin;

	if (capng_get_caps_process())
		return -EIO;
	for (size_t i = 0; i < count; i++)
		has[i] = capng_have_capability(CAPNG_PERMITTED, capability[i]);
	may_admin = admin && capng_have_capability(CAPNG_PERMITTED, CAP_SYS_ADMIN);
	capng_clear(CAPNG_SELECT_CAPS);
	for (size_t i = 0; i < count; i++)
		if (has[i] && capng_update(CAPNG_ADD, in_effect, capability[i]))
			return -EINVAL;
	if (may_admin && capng_update(CAPNG_ADD, CAPNG_PERMITTED, CAP_SYS_ADMIN))
		return -EINVAL;
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

int privileges_watch(bool writes_elsewhere)
{
	static const unsigned kept[] = {CAP_BPF,    CAP_PERFMON, CAP_SYS_PTRACE,  CAP_DAC_READ_SEARCH,
					CAP_SYSLOG, CAP_KILL,    CAP_DAC_OVERRIDE};
	size_t count = sizeof(kept) / sizeof(kept[0]);

	return keep(kept, writes_elsewhere ? count : count - 1, true);
}

int privileges_none(void)
{
	int rc = keep(NULL, 0, false);

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : rc;
}

static bool admin(capng_act_t act)
{
	return !capng_update(act, CAPNG_EFFECTIVE, CAP_SYS_ADMIN) && !capng_apply(CAPNG_SELECT_CAPS);
}

bool privileges_raise_admin(void)
{
	if (capng_get_caps_process() || !capng_have_capability(CAPNG_PERMITTED, CAP_SYS_ADMIN) ||
	    capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN))
		return false;
	return admin(CAPNG_ADD);
}

void privileges_lower_admin(void)
{
	if (!capng_get_caps_process())
		admin(CAPNG_DROP);
}
