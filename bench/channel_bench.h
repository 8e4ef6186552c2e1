/* SPDX-License-Identifier: ISC */
/* zwinger bench channel: messages between two processors, beside other ways to pass them. */
#ifndef CHANNEL_BENCH_H
#define CHANNEL_BENCH_H

int channel_main(int argc, char **argv);

#endif /* CHANNEL_BENCH_H */
