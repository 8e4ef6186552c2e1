/* SPDX-License-Identifier: ISC */
/* zwinger bench exits: what leaving the guest costs, bare and under the whole VMM. */
#ifndef EXITS_H
#define EXITS_H

int exits_main(int argc, char **argv);

#endif /* EXITS_H */
