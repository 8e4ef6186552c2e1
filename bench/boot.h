/* SPDX-License-Identifier: ISC */
/* zwinger bench boot and zwinger bench memory: a stock guest under each VMM that is installed. */
#ifndef BOOT_H
#define BOOT_H

int boot_main(int argc, char **argv);
int memory_main(int argc, char **argv);

#endif /* BOOT_H */
