/* SPDX-License-Identifier: ISC */
/* Commands that are programs of their own, so that each links only what it needs. */
#ifndef TOOL_COMMAND_H
#define TOOL_COMMAND_H

/* zwinger verify RECEIPT --key FILE ... */
int verify_main(int argc, char **argv);

/* zwinger store show|key|backup|restore DIRECTORY ... */
int store_main(int argc, char **argv);

/* zwinger bench exits|boot|... */
int bench_main(int argc, char **argv);

#endif /* TOOL_COMMAND_H */
