#!/bin/bash
# SPDX-License-Identifier: ISC
# What the policies of a VMM may never permit, whoever adds a line: a vCPU's thread makes no memory, thread,
# descriptor or filter; the thread that reads kernel and configuration neither runs the guest nor starts
# anything; and no ioctl is permitted but by its number.
set -u
cd "$(dirname "$0")/../../vmm" || exit 1
failed=0
# never POLICY WHAT PATTERN
never() {
	local found
	found=$(sed 's/#.*//' "$1" | grep -E "$3")
	if [ -n "$found" ]; then
		echo "FAILED $1 permits $2: $found"
		failed=1
	else
		echo "ok $1 permits no $2"
	fi
}
world='^(clone|clone3|v?fork|execve|execveat|open|openat|openat2|creat|socket|connect|bind|accept4?|ptrace|process_.*|pidfd_.*|prctl|setuid|mount|unshare|setns|bpf|userfaultfd|io_uring_.*)\b'
never vmm_run.policy "way out" "$world"
never vmm_run.policy "new memory, descriptor or filter" '^(mmap|mremap|mprotect|pkey_.*|memfd_create|eventfd2?|timerfd_create|socketpair|pipe2?|dup[23]?|fcntl|seccomp)\b'
never vmm_run.policy "ioctl by anything but its number" '^ioctl *$|^ioctl +(arg[^1]|arg1 [^=])|^ioctl.*KVM_(CREATE|SET_USER)'
for policy in vmm_setup.policy direct.policy firmware/firmware.policy; do
	never $policy "way out" "$world"
	never $policy "ioctl by anything but its number" '^ioctl *$|^ioctl +(arg[^1]|arg1 [^=])'
	never $policy "run of the guest" 'KVM_RUN'
	never $policy "executable memory" '^(mmap|mprotect) *$|^(mmap|mprotect).*PROT_EXEC == PROT_EXEC'
done
exit $failed
