/* SPDX-License-Identifier: ISC */
/* zwinger bench all: every benchmark, and one page of HTML of what they found. zwinger bench io. */
#ifndef REPORT_H
#define REPORT_H

int all_main(int argc, char **argv);

/* Disk, network and console of a guest: bench/io of the source tree, which makes the guest. */
int io_main(int argc, char **argv);

#endif /* REPORT_H */
