/* SPDX-License-Identifier: ISC */
/* `zwinger stat`: what a running system does, now and again, as tables or as JSON. */
#ifndef STAT_COMMAND_H
#define STAT_COMMAND_H

/* Returns an enum status. */
int stat_main(int argc, char **argv);

#endif /* STAT_COMMAND_H */
