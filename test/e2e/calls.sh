# SPDX-License-Identifier: ISC
# Sourced by tests that run many processes, as root on a KVM host: has the kernel write down each system
# call of every sandboxed process meanwhile. What the policies permit and nobody uses is then seen by
# policy_use.sh, which reads what calls_save leaves in $ZW_OUT or $root/.cache/calls.
# shellcheck shell=bash disable=SC2154 # sets: root, build
calls_tracing=''

calls_begin() {
	local at
	[ "$(id -u)" = 0 ] && [ -x "$build/test/policy_use" ] || return 0
	[ -z "${ZW_LAB:-}" ] || mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
	at=/sys/kernel/tracing/instances/zwinger
	mkdir -p $at 2>/dev/null || return 0 # no tracefs, or not for us
	echo 16384 >/sys/kernel/tracing/saved_cmdlines_size
	echo 1 >$at/options/record-tgid 2>/dev/null || echo 1 >/sys/kernel/tracing/options/record-tgid
	echo 65536 >$at/buffer_size_kb
	echo 'comm ~ "zwinger-*"' >$at/events/raw_syscalls/sys_enter/filter &&
		echo 1 >$at/events/raw_syscalls/sys_enter/enable && calls_tracing=$at
}

# calls_save NAME: what has been seen since the last time, while none of the processes runs. A file of its own:
# the process ids of one lab are those of the next.
calls_save() {
	local out=${ZW_OUT:-$root/.cache/calls}
	[ -n "$calls_tracing" ] || return 0
	echo 0 >"$calls_tracing/tracing_on"
	mkdir -p "$out"
	out=$(mktemp --suffix=.used "$out/$1.XXXXXX")
	grep -H '^overrun: [1-9]' "$calls_tracing"/per_cpu/*/stats && echo "calls: some are lost"
	# shellcheck disable=SC2046 # a word for each device
	"$build/test/policy_use" "$root" \
		zwinger-vmm=vmm/vmm_setup.policy zwinger-vmm+=vmm/vmm_run.policy \
		$(for d in blk net console rng vsock balloon; do echo "zwinger-$d=devices/common.policy,devices/$d.policy"; done) \
		zwinger-termina=lib/critical.policy,devices/terminal/terminal.policy \
		zwinger-audit=lib/critical.policy,critical/audit/audit.policy \
		zwinger-dialler=lib/critical.policy,critical/dialler/dialler.policy \
		zwinger-display=lib/critical.policy,critical/display/display.policy \
		<"$calls_tracing/trace" >"$out"
	echo >"$calls_tracing/trace"
	echo 1 >"$calls_tracing/tracing_on"
}
