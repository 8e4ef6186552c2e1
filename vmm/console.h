/* SPDX-License-Identifier: ISC */
/*
 * The main thread's work while vCPUs run: bytes between the serial port and the launcher,
 * until the machine stops or the launcher is gone.
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include "machine.h"

/*
 * Returns the reason for the end, with all output handed over. console_fd is a stream socket,
 * control_fd a socket whose end of file means that nobody is interested any more.
 */
enum status console_serve(struct machine *m, int console_fd, int control_fd);

#endif /* CONSOLE_H */
