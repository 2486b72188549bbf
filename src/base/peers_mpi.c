/* Open MPI as a wire. Its library is opened when this process was started as one of several, and not before: linked in the
 * usual way it would cost every command some milliseconds and three dozen mappings, and a program built with it would not
 * start where it is not installed. So its functions and the few objects behind its macros are looked up by name. */
#include "base/peers.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* mpirun, and srun --mpi=pmix. Children of ours are no ranks: the marks are taken away. */
static int started_as(void)
{
    const char *size = getenv("OMPI_COMM_WORLD_SIZE"), *tasks = getenv("SLURM_STEP_NUM_TASKS");
    if (!size && getenv("PMIX_RANK"))
        size = tasks;
    return size ? atoi(size) : 1;
}

static void forget_start(void)
{
    unsetenv("OMPI_COMM_WORLD_SIZE");
    unsetenv("PMIX_RANK");
}

/* TENET_RANK_PATIENCE, in seconds; 0: the default. */
static double patience(void)
{
    const char *s = getenv("TENET_RANK_PATIENCE");
    double v = s ? atof(s) : 0;
    return v >= 1 && v <= 86400 ? v : 0;
}

#ifdef TN_MPI
#include "base/mem.h"
#include <mpi.h>
#include <stdio.h>

#define FUNCTIONS(X)                                                                                                   \
    X(MPI_Init_thread) X(MPI_Finalize) X(MPI_Abort) X(MPI_Comm_rank) X(MPI_Comm_size) X(MPI_Comm_set_errhandler)       \
    X(MPI_Isend) X(MPI_Irecv) X(MPI_Test)

#define FIELD(name) __typeof__(&name) name;
struct mpi {
    void *library;
    struct {
        FUNCTIONS(FIELD)
    } f;
    MPI_Comm world;
    MPI_Datatype byte;
    MPI_Errhandler returns;
    /* Requests in use and free ones: what is given out is a pointer to one. */
    struct request {
        MPI_Request r;
        struct request *next;
    } *free;
};

static struct request *take(struct mpi *m)
{
    struct request *r = m->free;
    if (r)
        m->free = r->next;
    else
        r = tn_mem_alloc(sizeof *r);
    return r;
}

static void give(struct mpi *m, struct request *r)
{
    r->next = m->free;
    m->free = r;
}

static void *started(struct mpi *m, struct request *r, int code)
{
    if (r && code != MPI_SUCCESS) {
        give(m, r);
        return NULL;
    }
    return r;
}

static void *mpi_send(void *self, int peer, int tag, const void *data, size_t n)
{
    struct mpi *m = self;
    struct request *r = take(m);
    return started(m, r, r ? m->f.MPI_Isend(data, (int)n, m->byte, peer, tag, m->world, &r->r) : 0);
}

static void *mpi_receive(void *self, int peer, int tag, void *data, size_t n)
{
    struct mpi *m = self;
    struct request *r = take(m);
    return started(m, r, r ? m->f.MPI_Irecv(data, (int)n, m->byte, peer, tag, m->world, &r->r) : 0);
}

static int mpi_test(void *self, void *request)
{
    struct mpi *m = self;
    struct request *r = request;
    int done = 0;
    MPI_Status status;
    int code = m->f.MPI_Test(&r->r, &done, &status);
    if (code == MPI_SUCCESS && !done)
        return 0;
    give(m, r);
    return code == MPI_SUCCESS ? 1 : -1;
}

/* The library is never closed: it keeps threads and handlers of its own. */
static void mpi_close(void *self, bool together, int exit_code)
{
    struct mpi *m = self;
    fflush(stdout);
    fflush(stderr);
    if (together)
        m->f.MPI_Finalize();
    else
        m->f.MPI_Abort(m->world, exit_code);
}

static tn_status find_all(struct mpi *m, tn_err *err)
{
    static const char name[] = "libmpi.so.40"; /* Open MPI 3 to 5 */
    /* For all: its plug-ins look for its symbols. */
    m->library = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
    if (!m->library)
        return tn_fail(err, TN_EIO, "started as one of several processes, but %s cannot be opened; install Open MPI (libopenmpi3): %s",
                       name, dlerror());
    void *world = dlsym(m->library, "ompi_mpi_comm_world"), *byte = dlsym(m->library, "ompi_mpi_byte"),
         *returns = dlsym(m->library, "ompi_mpi_errors_return");
    m->world = (MPI_Comm)world;
    m->byte = (MPI_Datatype)byte;
    m->returns = (MPI_Errhandler)returns;
    bool ok = world && byte && returns;
#define FIND(name)                                                                                                     \
    {                                                                                                                  \
        void *found = dlsym(m->library, #name);                                                                        \
        memcpy(&m->f.name, &found, sizeof found);                                                                      \
        ok = ok && found;                                                                                              \
    }
    FUNCTIONS(FIND)
    return ok ? TN_OK : tn_fail(err, TN_EIO, "%s is not the Open MPI that this program was built for", name);
}

static tn_status open_wire(struct mpi *m, tn_wire *out, tn_err *err)
{
    int provided = 0, rank = 0, size = 1;
    TN_TRY(find_all(m, err));
    if (m->f.MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS ||
        provided < MPI_THREAD_SERIALIZED || m->f.MPI_Comm_set_errhandler(m->world, m->returns) != MPI_SUCCESS ||
        m->f.MPI_Comm_rank(m->world, &rank) != MPI_SUCCESS || m->f.MPI_Comm_size(m->world, &size) != MPI_SUCCESS)
        return tn_fail(err, TN_EIO, "Open MPI does not start, or not for calls from several threads");
    *out = (tn_wire){m, rank, size, mpi_send, mpi_receive, mpi_test, mpi_close};
    return TN_OK;
}

tn_status tn_peers_open(tn_peers **out, tn_err *err)
{
    static struct mpi mpi; /* one a process, as the library is */
    tn_wire wire;
    *out = NULL;
    if (started_as() < 2)
        return TN_OK;
    TN_TRY(open_wire(&mpi, &wire, err));
    forget_start();
    return tn_peers_over(&wire, patience(), out, err);
}

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const char *tn_peers_library(void)
{
    return "Open MPI " TEXT(OMPI_MAJOR_VERSION) "." TEXT(OMPI_MINOR_VERSION) "." TEXT(OMPI_RELEASE_VERSION);
}

#else

tn_status tn_peers_open(tn_peers **out, tn_err *err)
{
    *out = NULL;
    if (started_as() < 2)
        return TN_OK;
    (void)patience;
    forget_start();
    return tn_fail(err, TN_EIO,
                   "started as one of several processes, but this program was built without Open MPI: install "
                   "libopenmpi-dev and build again, or start it alone");
}

const char *tn_peers_library(void)
{
    return "none";
}

#endif
