/* SPDX-License-Identifier: ISC */
/* `zwinger bench`: starts the program that measures. */
#ifndef BENCH_COMMAND_H
#define BENCH_COMMAND_H

int bench_main(int argc, char **argv);

#endif /* BENCH_COMMAND_H */
