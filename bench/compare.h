/* SPDX-License-Identifier: ISC */
/* zwinger bench compare: did it become slower? */
#ifndef COMPARE_H
#define COMPARE_H

int compare_main(int argc, char **argv);

#endif /* COMPARE_H */
