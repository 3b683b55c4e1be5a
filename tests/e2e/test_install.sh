#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# make install, the manual page, shell completion and the Debian package. The package is installed in a clean Debian where
# debootstrap is there and TEST_DEBOOTSTRAP=1 allows to fetch one.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

root=$work/root
make -j1 DESTDIR="$root" PREFIX=/opt/toll install >"$work/install.out" 2>&1
installed=$root/opt/toll/bin/toll
if (cd / && "$installed" scenarios | grep -q gateway/smoke); then pass "an installed toll finds its scenarios, wherever it is"; else fail "an installed toll finds its scenarios, wherever it is" "$(tail -3 "$work/install.out")"; fi

page=$root/opt/toll/share/man/man1/toll.1
missing=
for command in $("$toll" --list-commands | cut -f1); do
	grep -qF ".SS $command" "$page" || missing+=" $command"
	section=$(sed -n "/^\.SS $command\$/,/^\.SS/p" "$page" | sed 's/\\-/-/g')
	for option in $("$toll" "$command" --list-options | grep '^--' | cut -f1); do
		[[ $section == *"B$option\\"* ]] || missing+=" $command:$option"
	done
done
if [ -z "$missing" ]; then pass "the manual has every command and every option"; else fail "the manual has every command and every option" "missing:$missing"; fi
if command -v groff >/dev/null; then
	warnings=$(groff -ww -man -Tutf8 "$page" 2>&1 >/dev/null)
	if [ -z "$warnings" ]; then pass "the manual is well-formed"; else fail "the manual is well-formed" "$warnings"; fi
else
	skip "the manual is well-formed" "no groff here"
fi

# what a shell offers behind "toll compare --"
PATH=$root/opt/toll/bin:$PATH bash -c '
	. "$1"
	COMP_WORDS=(toll compare --) COMP_CWORD=2
	_toll
	echo "${COMPREPLY[*]}"
	COMP_WORDS=(toll sch) COMP_CWORD=1
	_toll
	echo "${COMPREPLY[*]}"' - "$root/opt/toll/share/bash-completion/completions/toll" >"$work/completion" 2>&1
if grep -q -- '--gate .*--tolerance' "$work/completion" && grep -qx 'schema' "$work/completion"; then pass "bash completes commands and options"; else fail "bash completes commands and options" "$(cat "$work/completion")"; fi
for shell in zsh fish; do
	if ! command -v "$shell" >/dev/null; then
		skip "$shell reads its completion" "no $shell here"
		continue
	fi
	if "$toll" completion "$shell" >"$work/completion.$shell" && "$shell" -n "$work/completion.$shell"; then pass "$shell reads its completion"; else fail "$shell reads its completion" "syntax"; fi
done

make -j1 DESTDIR="$root" PREFIX=/opt/toll uninstall >/dev/null 2>&1
left=$(find "$root" -type f)
if [ -z "$left" ]; then pass "uninstall leaves no file"; else fail "uninstall leaves no file" "$left"; fi

if ! command -v dpkg-shlibdeps >/dev/null; then
	skip "the package says what it needs" "no dpkg-dev here"
	finish
fi
package=$(scripts/make-deb 2>"$work/deb.err" | tail -1)
if [ -f "$package" ] && dpkg-deb -f "$package" Depends | grep -q libbpf; then pass "the package says what it needs"; else fail "the package says what it needs" "$(cat "$work/deb.err")"; fi
if ! command -v debootstrap >/dev/null || [ -z "${TEST_DEBOOTSTRAP:-}" ] || [ "$(id -u)" -ne 0 ]; then
	skip "the package installs and runs on a clean Debian" "wants root, debootstrap and TEST_DEBOOTSTRAP=1 (it fetches 60 MB)"
	finish
fi
clean=$work/debian
debootstrap --variant=minbase "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" "$clean" >"$work/debootstrap.log" 2>&1 || tail -3 "$work/debootstrap.log"
cp "$package" "$clean/toll.deb"
mount -t proc proc "$clean/proc"
trap 'umount "$clean/proc"; rm -rf "$work"' EXIT
if chroot "$clean" sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends /toll.deb && cd / && toll --version && toll scenarios' >"$work/clean.log" 2>&1 && grep -q gateway/smoke "$work/clean.log"; then
	pass "the package installs and runs on a clean Debian"
else
	fail "the package installs and runs on a clean Debian" "$(tail -5 "$work/clean.log")"
fi
finish
