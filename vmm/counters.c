/* SPDX-License-Identifier: ISC */
#include "counters.h"

#include "vm_config.h"

#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

void counters_hand_over(int kvm_object, unsigned index)
{
	struct vm_command c = { .kind = VM_COUNTERS, .device = index };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = &c, .iov_len = sizeof(c) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	int fd = ioctl(kvm_object, KVM_GET_STATS_FD, NULL);

	if (fd < 0)
		return;
	control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
					   .cmsg_type = SCM_RIGHTS,
					   .cmsg_len = CMSG_LEN(sizeof(fd)) };
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	(void)!sendmsg(VMM_FD_CONTROL, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}
