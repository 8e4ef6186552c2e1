/* SPDX-License-Identifier: ISC */
/* The commands about whole systems: run FILE, ps, stop, display, audit. Each returns an exit status. */
#ifndef SYSTEM_COMMAND_H
#define SYSTEM_COMMAND_H

/* zwinger run FILE [OPTION]...: argv[2] is the manifest. */
int system_main(int argc, char **argv);

int ps_main(int argc, char **argv);
int stop_main(int argc, char **argv);
int display_main(int argc, char **argv);
int audit_main(int argc, char **argv);

#endif /* SYSTEM_COMMAND_H */
