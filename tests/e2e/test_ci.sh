#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The jobs of examples/ci as a runner would run them: their shell is taken out of the files and run in a repository with a base and a change, on
# the reference gateway, the minute of load cut to two seconds.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# the shell of a job: its loop over both sides, and the calls of toll behind it
shell_of() {
	sed -n '/for side in base change/,/^ *done$/p; /^ *\(- \)\?toll \(report\|compare\)/,/[^\\]$/p' "$1" | sed -E 's/^ *(- )?//'
}

loop_of() { shell_of "$1" | sed -n '/for side/,/done/p' | grep -v 'git checkout'; }

for file in github.yml gitlab-ci.yml Jenkinsfile; do
	if [ -n "$(shell_of "examples/ci/$file")" ] && shell_of "examples/ci/$file" | sed 's/\${{[^}]*}}/x/g' | bash -n 2>"$work/syntax"; then
		pass "ci: $file is shell"
	else fail "ci: $file is shell" "$(cat "$work/syntax")"; fi
done
if [ "$(loop_of examples/ci/github.yml)" = "$(loop_of examples/ci/gitlab-ci.yml)" ] && [ "$(loop_of examples/ci/github.yml)" = "$(loop_of examples/ci/Jenkinsfile)" ]; then
	pass "ci: all three run the same load"
else fail "ci: all three run the same load" "$(diff <(loop_of examples/ci/github.yml) <(loop_of examples/ci/gitlab-ci.yml) | head -3)"; fi

read -r port upstream < <(python3 -c 'import socket
s = [socket.socket() for _ in range(2)]
[x.bind(("127.0.0.1", 0)) for x in s]
print(*[x.getsockname()[1] for x in s])')
program=$(realpath "$toll")
mkdir -p "$work/bin" "$work/repo"
# shellcheck disable=SC2016 # the wrapper's own
printf '#!/bin/bash\nexec %s "${@/#1m/2s}"\n' "$program" >"$work/bin/toll"
printf '#!/bin/bash\nexec toll gateway --listen 127.0.0.1:%s --upstream http://127.0.0.1:%s\n' "$port" "$upstream" >"$work/repo/start-gateway"
chmod +x "$work/bin/toll" "$work/repo/start-gateway"
(cd "$work/repo" && git init -q && git add -A && git -c user.name=t -c user.email=t commit -qm base && git -c user.name=t -c user.email=t commit -q --allow-empty -m change)
base=$(git -C "$work/repo" rev-parse HEAD~1) change=$(git -C "$work/repo" rev-parse HEAD)
shell_of examples/ci/gitlab-ci.yml | sed "s,127.0.0.1\([:/]\)8080,127.0.0.1\1$port,; s/127.0.0.1:9000/127.0.0.1:$upstream/" >"$work/job.sh"
(cd "$work/repo" && PATH=$work/bin:$PATH TOLL_SHARE=$OLDPWD CI_MERGE_REQUEST_DIFF_BASE_SHA=$base CI_COMMIT_SHA=$change timeout 60 bash -o pipefail "$work/job.sh") >"$work/job.out" 2>&1
code=$?
for side in base change; do
	check "ci: the $side was loaded" '.requests.ok > 10 and .complete' "$work/repo/out/$side/result.json"
done
if xmllint --noout "$work/repo/out/junit.xml" 2>/dev/null; then pass "ci: a JUnit file for the runner"; else fail "ci: a JUnit file for the runner" "$(tail -n 3 "$work/job.out")"; fi
# two seconds are too short to tell: that too is an answer, with its own code
if [ "$code" -le 2 ] && grep -qE 'GATES|gate' "$work/job.out"; then pass "ci: the job ends as compare does"; else fail "ci: the job ends as compare does" "code $code: $(tail -n 5 "$work/job.out")"; fi
finish
