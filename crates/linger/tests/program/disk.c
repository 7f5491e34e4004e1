/* A disk with faults: a library that is loaded before the C library (LD_PRELOAD)
 * and stands between the program and the system's calls for files and time.
 *
 * disk.rs compiles it, and writes the control file whose path is in
 * LINGER_TEST_DISK. It is read at each call, so that a test changes the disk
 * while the program runs. Lines of it:
 *
 *     folder PATH        only what is in this folder is affected
 *     full               no file may grow: ENOSPC
 *     no-space           no write succeeds, not even in place: ENOSPC
 *     read-only          no write, no opening for writing: EROFS
 *     fsync-fails WORD   fsync fails on names with this word (or on all): EIO
 *     fsync-lies         fsync succeeds and does nothing
 *     journalled-fsync-fails WORD   the same as fsync-fails, and fdatasync succeeds
 *     write-fails WORD   writes fail on names with this word (or on all): EIO
 *     clock SECONDS      so much is added to the time of day
 *     journal PATH       what a power cut would take back is noted in this file
 *
 * All calls go to the kernel by number: nothing here calls a function of the C
 * library that it replaces. Files are recognised by what /proc/self/fd says. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

struct faults {
    char text[4096];
    const char *folder, *journal, *fsync_word, *journalled_word, *write_word;
    int is_full, has_no_space, is_read_only, fsync_lies;
    long long clock;
};

/* Kinds of notes in the journal; disk.rs reads them. */
enum { WRITE = 1, TRUNCATE = 2, SYNCED = 3, SYNC_FAILED = 4, GONE = 5 };

/* Nobody may write between a note and the change that it describes. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void load(struct faults *f) {
    memset(f, 0, sizeof *f);
    const char *path = getenv("LINGER_TEST_DISK");
    int before = errno;
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0) : -1;
    if (fd >= 0) {
        syscall(SYS_read, fd, f->text, sizeof f->text - 1);
        syscall(SYS_close, fd);
    }
    errno = before;
    char *rest = f->text, *line;
    while ((line = strsep(&rest, "\n"))) {
        char *word = strsep(&line, " ");
        const char *value = line ? line : "";
        if (!strcmp(word, "folder")) f->folder = value;
        else if (!strcmp(word, "journal")) f->journal = value;
        else if (!strcmp(word, "full")) f->is_full = 1;
        else if (!strcmp(word, "no-space")) f->has_no_space = 1;
        else if (!strcmp(word, "read-only")) f->is_read_only = 1;
        else if (!strcmp(word, "fsync-fails")) f->fsync_word = value;
        else if (!strcmp(word, "journalled-fsync-fails")) f->journalled_word = value;
        else if (!strcmp(word, "fsync-lies")) f->fsync_lies = 1;
        else if (!strcmp(word, "write-fails")) f->write_word = value;
        else if (!strcmp(word, "clock")) f->clock = strtoll(value, NULL, 10);
    }
}

static int is_ours(const struct faults *f, const char *path) {
    size_t length = f->folder ? strlen(f->folder) : 0;
    return length && !strncmp(path, f->folder, length) && (path[length] == '/' || !path[length]);
}

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Loads the faults if this is a file of the folder, and tells whether it is. */
static int affects(struct faults *f, char path[PATH_MAX], int fd) {
    char link[64];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    errno = before;
    if (length <= 0) return 0;
    path[length] = 0;
    if (path[0] != '/') return 0;
    load(f);
    return is_ours(f, path);
}

/* The same for a path as a call names it. */
static int affects_path(struct faults *f, char whole[PATH_MAX], int at, const char *path) {
    whole[0] = 0;
    if (path[0] != '/') {
        char link[64];
        int before = errno;
        if (at == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
        else snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, whole, PATH_MAX - 1);
        errno = before;
        if (length <= 0) return 0;
        whole[length] = 0;
        strncat(whole, "/", PATH_MAX - 1 - strlen(whole));
    }
    strncat(whole, path, PATH_MAX - 1 - strlen(whole));
    load(f);
    return is_ours(f, whole);
}

static int fails(int error) {
    errno = error;
    return -1;
}

/* Shared memory is made anew after a crash, so it needs no journal. */
static int is_noted(const struct faults *f, const char *path) {
    const char *end = strstr(name_of(path), "-shm");
    return f->journal && !(end && !end[4]);
}

static void append(int journal, const void *bytes, size_t count) {
    if (syscall(SYS_write, journal, bytes, count) != (ssize_t)count) abort();
}

/* Appends a note: 48 bytes of numbers, and the bytes of `fd` from `from` to `to`. */
static void note(const struct faults *f, uint64_t kind, uint64_t inode, uint64_t offset,
                 uint64_t count, uint64_t size, int fd, off_t from, off_t to) {
    int before = errno;
    int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
    int journal = (int)syscall(SYS_openat, AT_FDCWD, f->journal, flags, 0666);
    if (journal < 0) abort();
    if (to < from) to = from;
    uint64_t numbers[6] = {kind, inode, offset, count, size, (uint64_t)(to - from)};
    append(journal, numbers, sizeof numbers);
    /* SQLite's files are open for reading, too. Others are opened once more: to
     * close that again would drop SQLite's locks, but they have none. */
    int reader = fd;
    if (to > from && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        reader = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
    }
    static char bytes[1 << 16];
    while (from < to) {
        size_t most = to - from < (off_t)sizeof bytes ? (size_t)(to - from) : sizeof bytes;
        ssize_t count = syscall(SYS_pread64, reader, bytes, most, from);
        if (count <= 0) abort();
        append(journal, bytes, (size_t)count);
        from += count;
    }
    if (reader != fd) syscall(SYS_close, reader);
    syscall(SYS_close, journal);
    errno = before;
}

/* Writes, if the disk lets it. `at` is -1 for where the file stands. */
static ssize_t put(int fd, const void *bytes, size_t count, off_t at) {
    struct faults f;
    char path[PATH_MAX];
    struct stat now;
    int is_at = at >= 0;
    if (affects(&f, path, fd) && !fstat(fd, &now) && S_ISREG(now.st_mode)) {
        if (!is_at) {
            int is_appending = fcntl(fd, F_GETFL) & O_APPEND;
            at = is_appending ? now.st_size : (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
        }
        if (f.is_read_only) return fails(EROFS);
        if (f.write_word && strstr(name_of(path), f.write_word)) return fails(EIO);
        if (f.has_no_space) return fails(ENOSPC);
        if (f.is_full && at + (off_t)count > now.st_size) return fails(ENOSPC);
        if (is_noted(&f, path)) {
            pthread_mutex_lock(&lock);
            /* It may have grown since: look again, now that nobody else writes. */
            fstat(fd, &now);
            off_t end = at + (off_t)count < now.st_size ? at + (off_t)count : now.st_size;
            note(&f, WRITE, now.st_ino, at, count, now.st_size, fd, at, end);
            ssize_t done = is_at ? syscall(SYS_pwrite64, fd, bytes, count, at)
                                 : syscall(SYS_write, fd, bytes, count);
            pthread_mutex_unlock(&lock);
            return done;
        }
    }
    return is_at ? syscall(SYS_pwrite64, fd, bytes, count, at)
                 : syscall(SYS_write, fd, bytes, count);
}

ssize_t write(int fd, const void *bytes, size_t count) { return put(fd, bytes, count, -1); }

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    return at < 0 ? fails(EINVAL) : put(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    return pwrite(fd, bytes, count, at);
}

int ftruncate(int fd, off_t length) {
    struct faults f;
    char path[PATH_MAX];
    struct stat now;
    if (affects(&f, path, fd) && !fstat(fd, &now)) {
        if (f.is_read_only) return fails(EROFS);
        if (f.write_word && strstr(name_of(path), f.write_word)) return fails(EIO);
        if ((f.is_full || f.has_no_space) && length > now.st_size) return fails(ENOSPC);
        if (is_noted(&f, path)) {
            pthread_mutex_lock(&lock);
            fstat(fd, &now);
            note(&f, TRUNCATE, now.st_ino, length, 0, now.st_size, fd, length, now.st_size);
            int done = (int)syscall(SYS_ftruncate, fd, length);
            pthread_mutex_unlock(&lock);
            return done;
        }
    }
    return (int)syscall(SYS_ftruncate, fd, length);
}

int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

int fallocate(int fd, int mode, off_t offset, off_t length) {
    struct faults f;
    char path[PATH_MAX];
    if (affects(&f, path, fd)) {
        if (f.is_read_only) return fails(EROFS);
        if (f.is_full || f.has_no_space) return fails(ENOSPC);
        /* The caller has another way to make room, and the journal has no note for this one. */
        if (f.journal) return fails(EOPNOTSUPP);
    }
    return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
    return fallocate(fd, mode, offset, length);
}

/* Returns the error instead of setting it. */
int posix_fallocate(int fd, off_t offset, off_t length) {
    int before = errno;
    int error = fallocate(fd, 0, offset, length) ? errno : 0;
    errno = before;
    return error;
}

int posix_fallocate64(int fd, off64_t offset, off64_t length) {
    return posix_fallocate(fd, offset, length);
}

static int make_durable(int fd, long call) {
    struct faults f;
    char path[PATH_MAX];
    struct stat now;
    if (!affects(&f, path, fd)) return (int)syscall(call, fd);
    if (f.fsync_lies) return 0;
    int is_failing = f.fsync_word && strstr(name_of(path), f.fsync_word);
    is_failing |= call == SYS_fsync && f.journalled_word && strstr(name_of(path), f.journalled_word);
    if (!is_noted(&f, path) || fstat(fd, &now)) {
        return is_failing ? fails(EIO) : (int)syscall(call, fd);
    }
    pthread_mutex_lock(&lock);
    int done = is_failing ? fails(EIO) : (int)syscall(call, fd);
    note(&f, done ? SYNC_FAILED : SYNCED, now.st_ino, 0, 0, now.st_size, fd, 0, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int fd) { return make_durable(fd, SYS_fsync); }

int fdatasync(int fd) { return make_durable(fd, SYS_fdatasync); }

static int open_at(int at, const char *path, int flags, mode_t mode) {
    struct faults f;
    char whole[PATH_MAX];
    int is_new = 0;
    if (affects_path(&f, whole, at, path)) {
        struct stat now;
        int before = errno;
        is_new = (flags & O_CREAT) && stat(whole, &now);
        errno = before;
        int is_writing = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
        if (f.is_read_only && (is_writing || is_new)) return fails(EROFS);
        if (f.has_no_space && is_new) return fails(ENOSPC);
        if ((flags & O_TRUNC) && !is_new && is_noted(&f, whole)) {
            /* As open and ftruncate, so that it is noted. */
            int fd = (int)syscall(SYS_openat, at, path, flags & ~O_TRUNC, mode);
            if (fd >= 0 && !fstat(fd, &now) && S_ISREG(now.st_mode)) ftruncate(fd, 0);
            return fd;
        }
    }
    return (int)syscall(SYS_openat, at, path, flags, mode);
}

#define WITH_MODE(flags, mode)                                                  \
    mode_t mode = 0;                                                            \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                      \
        va_list more;                                                           \
        va_start(more, flags);                                                  \
        mode = (mode_t)va_arg(more, int);                                       \
        va_end(more);                                                           \
    }

int open(const char *path, int flags, ...) {
    WITH_MODE(flags, mode)
    return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    WITH_MODE(flags, mode)
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...) {
    WITH_MODE(flags, mode)
    return open_at(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...) {
    WITH_MODE(flags, mode)
    return open_at(at, path, flags, mode);
}

/* Notes that the last name of a file goes: its number may be used again. */
static void note_gone(const struct faults *f, const char *path) {
    struct stat now;
    int before = errno;
    if (is_noted(f, path) && !lstat(path, &now) && S_ISREG(now.st_mode) && now.st_nlink == 1) {
        pthread_mutex_lock(&lock);
        note(f, GONE, now.st_ino, 0, 0, now.st_size, -1, 0, 0);
        pthread_mutex_unlock(&lock);
    }
    errno = before;
}

int unlinkat(int at, const char *path, int flags) {
    struct faults f;
    char whole[PATH_MAX];
    if (affects_path(&f, whole, at, path)) {
        if (f.is_read_only) return fails(EROFS);
        note_gone(&f, whole);
    }
    return (int)syscall(SYS_unlinkat, at, path, flags);
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int renameat(int from_at, const char *from, int to_at, const char *to) {
    struct faults f;
    char whole[PATH_MAX];
    if (affects_path(&f, whole, to_at, to)) {
        if (f.is_read_only) return fails(EROFS);
        note_gone(&f, whole);
    }
    return (int)syscall(SYS_renameat2, from_at, from, to_at, to, 0);
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int mkdir(const char *path, mode_t mode) {
    struct faults f;
    char whole[PATH_MAX];
    if (affects_path(&f, whole, AT_FDCWD, path)) {
        if (f.is_read_only) return fails(EROFS);
        if (f.has_no_space) return fails(ENOSPC);
    }
    return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int chmod(const char *path, mode_t mode) {
    struct faults f;
    char whole[PATH_MAX];
    if (affects_path(&f, whole, AT_FDCWD, path) && f.is_read_only) return fails(EROFS);
    return (int)syscall(SYS_fchmodat, AT_FDCWD, path, mode);
}

int fchmod(int fd, mode_t mode) {
    struct faults f;
    char path[PATH_MAX];
    if (affects(&f, path, fd) && f.is_read_only) return fails(EROFS);
    return (int)syscall(SYS_fchmod, fd, mode);
}

/* A copy inside of the kernel would not be seen here. Rust then reads and writes. */
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t count,
                        unsigned flags) {
    struct faults f;
    char path[PATH_MAX];
    if (affects(&f, path, to)) return fails(ENOSYS);
    return syscall(SYS_copy_file_range, from, from_at, to, to_at, count, flags);
}

ssize_t sendfile(int to, int from, off_t *at, size_t count) {
    struct faults f;
    char path[PATH_MAX];
    if (affects(&f, path, to)) return fails(ENOSYS);
    return syscall(SYS_sendfile, to, from, at, count);
}

ssize_t sendfile64(int to, int from, off64_t *at, size_t count) {
    return sendfile(to, from, at, count);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int done = (int)syscall(SYS_clock_gettime, clock, time);
    if (!done && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        struct faults f;
        load(&f);
        time->tv_sec += f.clock;
    }
    return done;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *into) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (into) *into = now.tv_sec;
    return now.tv_sec;
}
