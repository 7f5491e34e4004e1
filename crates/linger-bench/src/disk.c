/* A slow disk: fsync and fdatasync take the time that they are told to take.
 *
 * Loaded into a server before the C library (LD_PRELOAD). The real call comes
 * first; if it took less than LINGER_BENCH_FSYNC_NANOS, the thread sleeps for
 * the rest, as it would sleep for a disk: no CPU is spent, and other threads
 * sync meanwhile. Counts calls and their nanoseconds in LINGER_BENCH_SYNCS, a
 * file of two 64-bit numbers. Calls that do not go through the C library, and
 * files opened with O_DSYNC, are not seen: linger-bench looks whether any were. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t least;
static uint64_t *counts;

__attribute__((constructor)) static void begin(void) {
    const char *nanos = getenv("LINGER_BENCH_FSYNC_NANOS");
    const char *path = getenv("LINGER_BENCH_SYNCS");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (nanos) least = strtoll(nanos, NULL, 10);
    if (fd < 0) return;
    void *at = mmap(NULL, 2 * sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) counts = at;
    close(fd);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void sleep_until(int64_t nanos) {
    struct timespec time = {nanos / 1000000000LL, nanos % 1000000000LL};
    /* The kernel adds 50 microseconds of its own unless it is asked not to. */
    int slack = prctl(PR_GET_TIMERSLACK);
    prctl(PR_SET_TIMERSLACK, 1UL);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {}
    prctl(PR_SET_TIMERSLACK, (unsigned long)slack);
}

static int sync_slowly(int fd, long call) {
    int64_t begin = now();
    int done = (int)syscall(call, fd);
    int error = errno;
    if (begin + least > now()) sleep_until(begin + least);
    if (counts) {
        __atomic_fetch_add(&counts[0], 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&counts[1], (uint64_t)(now() - begin), __ATOMIC_RELAXED);
    }
    errno = error;
    return done;
}

int fsync(int fd) { return sync_slowly(fd, SYS_fsync); }

int fdatasync(int fd) { return sync_slowly(fd, SYS_fdatasync); }
