#ifndef TN_BASE_PEERS_H
#define TN_BASE_PEERS_H
/// The processes of one job (mpirun -n N): blocks of bytes between any two of them, and word of a death.
///
///   tn_peers_open(&p, err);                    NULL when this process was started alone
///   tn_peers_start(p, job, ctx);               job(ctx, p, err) runs beside the caller and may use the calls below
///   ... compute ...
///   TN_TRY(tn_peers_wait(p, err));
///   tn_peers_close(p, exit_code);
///
/// A thread of its own makes all calls of the library underneath, polls with short sleeps rather than spin (the cores are for
/// computing), and tells the others twice a second that this process lives. A process that has not been heard of for
/// `patience` seconds is gone; the job fails then with TN_EIO, in all processes, and can only be closed. Nothing here orders
/// or adds numbers.

#include "base/str.h"

typedef struct tn_peers tn_peers;

/// What carries the bytes: Open MPI, or queues between threads in a test. Calls do not block and are never made at the same
/// time; blocks between two processes arrive in the order sent, by `tag`.
typedef struct {
    void *self;
    int rank, size;
    /// Start to send or receive; `data` stays until `test` says 1. NULL when that failed.
    void *(*send)(void *self, int peer, int tag, const void *data, size_t n);
    void *(*receive)(void *self, int peer, int tag, void *data, size_t n);
    /// 1 done, and the request is gone; 0 not yet; -1 failed.
    int (*test)(void *self, void *request);
    /// Ends. `together`: all processes do so now; else the job is torn down with this code, and the call may not return.
    void (*close)(void *self, bool together, int exit_code);
} tn_wire;

/// The job that this process was started in by mpirun or srun. *out NULL: none, or of one process. TN_EIO: there is one, and
/// this program was built without Open MPI or does not find its library.
tn_status tn_peers_open(tn_peers **out, tn_err *err);
/// patience_s: 0 = TN_PEERS_PATIENCE. The wire is closed with the peers.
enum { TN_PEERS_PATIENCE = 30 };
tn_status tn_peers_over(const tn_wire *wire, double patience_s, tn_peers **out, tn_err *err);
/// "Open MPI 4.1.4", as this program was built; "none". For --version and env.json.
const char *tn_peers_library(void);

int tn_peers_rank(const tn_peers *p); /* 0 for NULL */
int tn_peers_size(const tn_peers *p); /* 1 for NULL */

/// One job at a time.
typedef tn_status tn_peers_job(void *ctx, tn_peers *p, tn_err *err);
void tn_peers_start(tn_peers *p, tn_peers_job *job, void *ctx);
/// When the job is over: its status. On rank 0, TN_EINTR soon after an interrupt, also while others are waited for; the job
/// is given up then.
tn_status tn_peers_wait(tn_peers *p, tn_err *err);
/// Starts and waits.
tn_status tn_peers_run(tn_peers *p, tn_peers_job *job, void *ctx, tn_err *err);
/// The job that is under way fails with this sentence, here and elsewhere.
void tn_peers_fail(tn_peers *p, const tn_err *why);
/// False once peers were lost or a job was given up: nothing but tn_peers_close is possible.
bool tn_peers_usable(tn_peers *p);

/// ---- inside a job ----
/// Blocks of at most 1 GiB; larger ones are cut alike on both sides.
typedef struct {
    void *data; /* of what is sent it is only read */
    size_t n;
} tn_block;
/// All blocks out and in, at once. Either list may be empty.
tn_status tn_peers_swap(tn_peers *p, int peer, const tn_block *out, size_t n_out, const tn_block *in, size_t n_in,
                        tn_err *err);
/// A message whose length the other side does not know; `in` is replaced. At most `max` bytes.
tn_status tn_peers_put(tn_peers *p, int peer, tn_str bytes, tn_err *err);
tn_status tn_peers_get(tn_peers *p, int peer, size_t max, tn_buf *in, tn_err *err);
/// Until done(ctx); asked again after each tn_peers_wake and every few milliseconds.
tn_status tn_peers_until(tn_peers *p, bool (*done)(void *ctx), void *ctx, tn_err *err);
/// From any thread.
void tn_peers_wake(tn_peers *p);

/// Says goodbye and waits for the others' (`together`), or tears the job down where that is impossible; on rank 0 the others
/// end with the same exit code. Returns the code to exit with.
int tn_peers_close(tn_peers *p, int exit_code);
/// For the other ranks: waits in a job for a message of rank 0. *ended: rank 0 said goodbye, *exit_code is its code.
tn_status tn_peers_listen(tn_peers *p, size_t max, tn_buf *in, bool *ended, int *exit_code, tn_err *err);

#endif
