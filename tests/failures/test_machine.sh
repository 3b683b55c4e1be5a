#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What wants a machine of its own (machine.sh), in virtual machines with $KERNELS, and once more on the first of them under lockdown.
# A kernel that cannot be had is skipped.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

descendants() { # PID
	local child
	for child in $(pgrep -P "$1"); do echo "$child" && descendants "$child"; done
}

# as a host does that is short of memory, or a lid that is closed
suspend() { # PID
	local p machine=
	for p in $(descendants "$1"); do case $(cat "/proc/$p/comm") in qemu*) machine=$p ;; esac done
	[ -n "$machine" ] || return
	kill -STOP "$machine"
	sleep 3
	kill -CONT "$machine"
}

machine() { # NAME KERNEL APPEND
	local vm status=0 share=$work/$1
	mkdir -p "$share"
	VM_SHARE=$share VM_APPEND=$3 scripts/vm "$2" env "BUILD=${BUILD:-build}" ${TOLL_SHARE:+"TOLL_SHARE=$TOLL_SHARE"} \
		bash tests/failures/machine.sh >"$work/$1.out" 2>"$work/$1.err" &
	vm=$!
	while kill -0 "$vm" 2>/dev/null; do
		[ ! -e "$share/suspend" ] || { suspend "$vm" && rm "$share/suspend"; }
		read -rt 0.2 <> <(:) || true
	done
	wait "$vm" || status=$?
	if [ "$status" -eq 125 ]; then skip "$1" "$(tail -n 1 "$work/$1.err")" && return; fi
	grep -E '^(ok|not ok|skip|#)' "$work/$1.out" | sed -E "s/^(ok|not ok|skip) /\1 $1: /"
	failures=$((failures + $(grep -c '^not ok' "$work/$1.out")))
	grep -q '^ok' "$work/$1.out" || fail "$1: it ran to its end" "status $status: $(tail -n 1 "$work/$1.err")"
}

read -ra kernels <<<"${KERNELS:-5.10 6.1 6.12 6.16 7.3}"
machine "${kernels[0]} locked" "${kernels[0]}" lockdown=confidentiality
for kernel in "${kernels[@]}"; do machine "$kernel" "$kernel" ""; done
finish
