/* SPDX-License-Identifier: ISC */
/*
 * An NV counter of a TPM 2.0, by three fixed commands over a descriptor that takes a command with
 * one write() and gives its response to read(): /dev/tpmrm0. Its authorisation is the empty
 * password: whoever may open the device can count up, and nobody can count down. (TPM 2.0 Library,
 * part 3: 31.6 NV_ReadPublic, 31.8 NV_Increment, 31.13 NV_Read.)
 */
#ifndef TPM_COUNTER_H
#define TPM_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

enum tpm_counter_status { TPM_COUNTER_GOOD, TPM_COUNTER_UNUSED, TPM_COUNTER_FAILED };

/* UNUSED: it was never counted up, and has no value. FAILED has been logged. */
enum tpm_counter_status tpm_counter_read(int fd, uint32_t index, uint64_t *value);

/* By one; the TPM has stored it when this returns. False has been logged. */
bool tpm_counter_increment(int fd, uint32_t index) __attribute__((warn_unused_result));

#endif /* TPM_COUNTER_H */
