/* SPDX-License-Identifier: ISC */
/* `zwinger show`: the system that a manifest describes, as a table or as a drawing. */
#ifndef SHOW_H
#define SHOW_H

/* Returns an enum status. */
int show_main(int argc, char **argv);

#endif /* SHOW_H */
