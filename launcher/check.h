/* SPDX-License-Identifier: ISC */
/* `zwinger check`: which kind of host this is, what is missing, and the command that mends it. */
#ifndef CHECK_H
#define CHECK_H

/* STATUS_OK if a stock Linux can run here, else STATUS_NO_KVM, STATUS_FAILED or STATUS_USAGE. */
int check_main(int argc, char **argv);

#endif /* CHECK_H */
