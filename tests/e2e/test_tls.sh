# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# TLS 1.3 and 1.2 on either side: the same joins and positions as plain. (How far TLS moves a mark is a figure of `make bench`.)
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
	-keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
scenario tls <<'END'
name: e2e/tls
classes:
  chat: {endpoint: chat, weight: 70, max_tokens: 5}
  streamed: {endpoint: chat, stream: true, weight: 30, max_tokens: 10}
stages:
  - {name: all, vus: 8, requests: 600}
provider: {service_time: 2ms, inter_token_time: 1ms, tokens: 10}
END
inbound=(--set "tls_cert=$work/cert.pem" --set "tls_key=$work/key.pem")
upstream=(--provider-tls-cert "$work/cert.pem" --provider-tls-key "$work/key.pem")

tls() { # NAME ARGS...
	local name=$1
	shift
	run_toll "$name" "$work/tls.yaml" "$@"
	check "$name: all answered" '.requests.ok == 600' "$result"
	trusted "$name"
	check "$name: streams joined chunk by chunk" '.streams.chunk_lag.count > 0' "$result"
}

tls "nginx, TLS inbound" --with nginx "${inbound[@]}" --ca-file "$work/cert.pem"
check "the client's handshake is a phase of its own" '.phases.client_tls.count > 0' "$result"
tls "nginx, TLS upstream" --with nginx "${upstream[@]}"
check "the upstream's handshake is a phase of its own" '.phases.upstream_tls.count > 0' "$result"
tls "reference, TLS on both sides" --with reference "${inbound[@]}" "${upstream[@]}" --tls-insecure
# TLS 1.2: the system-wide OpenSSL settings of this run only
printf 'openssl_conf = conf\n[conf]\nssl_conf = ssl\n[ssl]\nsystem_default = max12\n[max12]\nMaxProtocol = TLSv1.2\n' >"$work/openssl.cnf"
export OPENSSL_CONF=$work/openssl.cnf
tls "reference, TLS 1.2 on both sides" --with reference "${inbound[@]}" "${upstream[@]}" --tls-insecure
finish
