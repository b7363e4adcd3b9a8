/* The C interface of an HWACC accelerator: what a program compiled with `hwacc compile --emit object` calls, and what its author calls
 * to open a device. docs/c_abi.md says how. The simulator's library (`hwacc build-sim`) implements all of it.
 *
 * Functions that return int return HWACC_OK or one of the negative codes below; hwacc_error then tells in words. A device belongs to one
 * thread at a time. Nothing is allocated but where a function says so; what hwacc_open made, hwacc_close frees.
 */
#ifndef HWACC_H
#define HWACC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HWACC_OK = 0,
    HWACC_BAD_ARGUMENT = -1,        /* a null pointer, an address that nobody holds, a damaged stream, an unknown option */
    HWACC_NO_DEVICE = -2,           /* there is no such device, or it does not answer as one */
    HWACC_OTHER_CONFIGURATION = -3, /* the device is not the one that this was compiled for */
    HWACC_NO_MEMORY = -4,           /* of the device, or of the host */
    HWACC_FAULT = -5,               /* the device ended a submission with a status other than OK, or broke a rule of its bus */
    HWACC_TIMEOUT = -6              /* a submission did not end in time; the device was reset */
};

/* begin generated: python -m hwacc.pages */
typedef enum hwacc_status {
    HWACC_STATUS_OK = 1,                /* finished */
    HWACC_STATUS_BAD_OPCODE = 2,        /* the opcode is unknown */
    HWACC_STATUS_BAD_FIELD = 3,         /* a field is outside what the hardware supports */
    HWACC_STATUS_BAD_LOCAL_ADDRESS = 4, /* an on-chip address lies outside its buffer */
    HWACC_STATUS_READ_ERROR = 5,        /* the memory answered a read with an error */
    HWACC_STATUS_WRITE_ERROR = 6,       /* the memory answered a write with an error */
    HWACC_STATUS_DEADLOCK = 7,          /* every engine waits for a token that nobody will push */
    HWACC_STATUS_TIME_LIMIT = 8,        /* the submission ran past its limit of cycles */
} hwacc_status;
/* end generated */

/* An open accelerator with its memory. */
typedef struct hwacc_device hwacc_device;

/* A place in device memory. */
typedef uint64_t hwacc_address;

/* How submissions went. */
typedef struct hwacc_completion {
    uint32_t status;     /* an hwacc_status; 0 where the device could not tell */
    uint32_t descriptor; /* index, in its submission, of the descriptor at fault */
    uint64_t cycles;     /* of the device */
} hwacc_completion;

/* What went wrong in the last call of this thread that failed. The text stays until the next such call; do not free it. */
const char *hwacc_error(void);

/* Opens a device: `options` is NULL or a list of what the device knows. The simulator's, with their defaults: "memory_bytes=67108864,
 * memory_latency=32,seconds=900" (bytes of device memory, its latency in cycles, the longest wait for a submission) and, for tests of
 * what follows, "error_start=0,error_bytes=0" (addresses that answer with a bus error). No spaces. Allocates the device; close it. */
int hwacc_open(const char *options, hwacc_device **device);

/* Frees the device and its memory; all addresses and mappings end. NULL is allowed. */
void hwacc_close(hwacc_device *device);

/* Fails unless the device has this configuration hash. `name` says in the message what was compiled for it. */
int hwacc_require(hwacc_device *device, uint32_t configuration, const char *name);

/* Takes `bytes` of device memory, at a multiple of 64, and gives them back. Their content is not specified. */
int hwacc_alloc(hwacc_device *device, uint64_t bytes, hwacc_address *address);
int hwacc_free(hwacc_device *device, hwacc_address address);

/* Copy to and from device memory; all of it must have been taken with one hwacc_alloc. */
int hwacc_write(hwacc_device *device, hwacc_address address, const void *data, size_t bytes);
int hwacc_read(hwacc_device *device, hwacc_address address, void *data, size_t bytes);

/* Shows device memory to the host until hwacc_unmap, after which the device sees what the host wrote. No submission that uses these bytes
 * may be outstanding meanwhile. The pointer is the device's; it is aligned as the address is, up to 64. */
int hwacc_map(hwacc_device *device, hwacc_address address, size_t bytes, void **pointer);
int hwacc_unmap(hwacc_device *device, void *pointer);

/* Starts a descriptor stream (docs/isa.md; what the compiler makes is verified) and returns at once. `buffers` has an address for each of
 * the stream's buffers, in order; each must be held and large enough, and what the stream writes must not overlap its other buffers.
 * `stream` may be freed on return, the buffers not before the wait. Submissions run one after the other; tickets count them. */
int hwacc_submit(hwacc_device *device, const void *stream, size_t bytes, const hwacc_address *buffers, size_t count, uint64_t *ticket);

/* Waits until the submission with this ticket, and so every one before it, has ended. Reports on those that nobody has waited for:
 * their cycles together, and the first fault. After a fault the later ones have run all the same. `completion` may be NULL. */
int hwacc_wait(hwacc_device *device, uint64_t ticket, hwacc_completion *completion);

#ifdef __cplusplus
}
#endif

#endif
