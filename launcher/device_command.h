/* SPDX-License-Identifier: ISC */
/* `zwinger device`: one device for any vhost-user front end, QEMU's for example. */
#ifndef DEVICE_COMMAND_H
#define DEVICE_COMMAND_H

/* Returns an enum status. */
int device_main(int argc, char **argv);

#endif /* DEVICE_COMMAND_H */
