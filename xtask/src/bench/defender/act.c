/* What containers are told to do while a Defender watches them: one static program, so that it runs in
 * every image. Built by the bench (act.rs). Prints one number a line. Everything it does is harmless. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SELF "/bench/act"
#define GO "/bench/go"

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static int64_t ticks(void)
{
	return now(CLOCK_MONOTONIC);
}

static void pause_ns(int64_t ns)
{
	struct timespec time = { ns / 1000000000, ns % 1000000000 };
	if (ns > 0)
		nanosleep(&time, NULL);
}

/* Nanoseconds of `count` opens and closes for reading. */
static int64_t opens(const char *path, long count)
{
	int64_t began = ticks();
	for (long done = 0; done < count; done++) {
		int file = open(path, O_RDONLY | O_CLOEXEC);
		if (file < 0)
			fail(path);
		close(file);
	}
	return ticks() - began;
}

/* Nanoseconds of `count` fork, exec and wait. */
static int64_t execs(long count)
{
	int64_t began = ticks();
	for (long done = 0; done < count; done++) {
		pid_t child = fork();
		if (child == 0) {
			execl(SELF, SELF, "nothing", NULL);
			_exit(127);
		}
		int status;
		if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
			fail("exec");
	}
	return ticks() - began;
}

static int listening;
static struct sockaddr_in address;

static void listen_on_loopback(void)
{
	socklen_t length = sizeof(address);
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_ANY);
	listening = socket(AF_INET, SOCK_STREAM, 0);
	if (listening < 0 || bind(listening, (void *)&address, sizeof(address)) ||
	    listen(listening, 128) || getsockname(listening, (void *)&address, &length))
		fail("listen");
}

/* Nanoseconds of `count` connects, each to another address of the loopback (127.0.0.0/8), or they would be
 * told as one; what surrounds them does not count. */
static int64_t connects(long count)
{
	static uint32_t host;
	const struct linger reset = { 1, 0 };
	int64_t total = 0;
	for (long done = 0; done < count; done++) {
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + host++ % 0xfffff0);
		int from = socket(AF_INET, SOCK_STREAM, 0);
		int64_t began = ticks();
		if (from < 0 || connect(from, (void *)&address, sizeof(address)))
			fail("connect");
		total += ticks() - began;
		/* A reset leaves nothing that waits: ports would run out. */
		setsockopt(from, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		int to = accept(listening, NULL, NULL);
		close(from);
		close(to);
	}
	return total;
}

/* Batches of one act, each at the earliest `every_ms` after the one before: nanoseconds of one act in each.
 * The first batch fills caches and is not printed. */
static int cost(const char *what, long batches, long count, long every_ms, const char *path)
{
	if (!strcmp(what, "connect"))
		listen_on_loopback();
	for (long batch = 0; batch <= batches; batch++) {
		int64_t began = ticks(), spent;
		if (!strcmp(what, "open"))
			spent = opens(path, count);
		else if (!strcmp(what, "exec"))
			spent = execs(count);
		else
			spent = connects(count);
		if (batch > 0)
			printf("%.1f\n", (double)spent / (double)count);
		pause_ns(began + every_ms * 1000000 - ticks());
	}
	return 0;
}

/* So that several containers begin together, and nobody before its limits stand. */
static void wait_for_go(void)
{
	struct stat unused;
	puts("ready");
	fflush(stdout);
	while (stat(GO, &unused))
		pause_ns(5000000);
}

/* Opens files for writing in turn, `rate` a second (0: as fast as it goes). Prints how many it opened. */
static int flood(const char *folder, long files, long rate, long seconds)
{
	char name[64];
	if (chdir(folder))
		fail(folder);
	for (long file = 0; file < files; file++) {
		snprintf(name, sizeof(name), "f%ld", file);
		int made = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (made < 0)
			fail(name);
		close(made);
	}
	wait_for_go();
	int64_t began = ticks(), length = seconds * INT64_C(1000000000), passed;
	long done = 0;
	while ((passed = ticks() - began) < length) {
		long due = rate ? (long)((__int128)passed * rate / 1000000000) : done + 1000;
		/* Not more than a tenth of a second's worth at once, however late we are. */
		if (rate && due > done + rate / 10)
			due = done + rate / 10;
		for (; done < due; done++) {
			snprintf(name, sizeof(name), "f%ld", done % files);
			int file = open(name, O_WRONLY | O_CLOEXEC);
			if (file < 0)
				fail(name);
			close(file);
		}
		if (rate)
			pause_ns(1000000);
	}
	printf("%ld\n", done);
	return 0;
}

/* Every process forks as long as it can, and ends when it cannot: the container's limit of processes bounds
 * them. To be run as the container's first process: orphans come to it, and are gone at once when they end. */
static int bomb(long seconds)
{
	signal(SIGCHLD, SIG_IGN);
	wait_for_go();
	int64_t until = ticks() + seconds * INT64_C(1000000000);
	pid_t first = getpid();
	while (ticks() < until) {
		pid_t child = fork();
		if (child < 0 && getpid() != first)
			_exit(0);
		if (child < 0)
			pause_ns(1000000);
	}
	if (getpid() != first)
		_exit(0);
	puts("1");
	return 0;
}

static void copy(const char *to)
{
	static char buffer[1 << 20];
	ssize_t size;
	int in = open(SELF, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	if (in < 0 || out < 0)
		fail(to);
	while ((size = read(in, buffer, sizeof(buffer))) > 0)
		if (write(out, buffer, (size_t)size) != size)
			fail(to);
	close(in);
	close(out);
}

/* Makes executables and starts each. The first thing that one does is a write() to a pipe. Prints how many
 * were started, refused (execve failed), killed, and how many wrote. */
static int forbidden(const char *folder, long count, const char *names)
{
	long refused = 0, killed = 0, wrote = 0;
	int ends[2];
	char path[256], number[16];
	if (pipe(ends))
		fail("pipe");
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	snprintf(number, sizeof(number), "%d", ends[1]);
	for (long one = 0; one < count; one++) {
		if (!strcmp(names, "one"))
			snprintf(path, sizeof(path), "%s/forbidden", folder);
		else
			snprintf(path, sizeof(path), "%s/forbidden-%ld", folder, one);
		/* Of another inode each time. */
		unlink(path);
		copy(path);
		pid_t child = fork();
		if (child == 0) {
			execl(path, path, "mark", number, NULL);
			_exit(126);
		}
		int status;
		if (child < 0 || waitpid(child, &status, 0) != child)
			fail("wait");
		refused += WIFEXITED(status) && WEXITSTATUS(status) == 126;
		killed += WIFSIGNALED(status);
		unlink(path);
		char byte;
		while (read(ends[0], &byte, 1) == 1)
			wrote++;
	}
	printf("%ld\n%ld\n%ld\n%ld\n", count, refused, killed, wrote);
	return 0;
}

/* A little of everything that rules look at, again and again. */
static int mixed(long seconds)
{
	int64_t until = ticks() + seconds * INT64_C(1000000000);
	char name[64], other[64];
	long round = 0;
	listen_on_loopback();
	for (; ticks() < until; round++) {
		snprintf(name, sizeof(name), "/tmp/m%ld", round);
		snprintf(other, sizeof(other), "/tmp/n%ld", round);
		int file = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (file < 0)
			fail(name);
		close(file);
		chmod(name, 0640);
		rename(name, other);
		unlink(other);
		execs(1);
		connects(2);
		pause_ns(2000000);
	}
	printf("%ld\n", round);
	return 0;
}

/* What the kernel itself takes for any program at the end of system calls: one that returns at once, until this
 * process ends. */
static void empty(void)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
		.insns = (uintptr_t)program,
		.insn_cnt = sizeof(program) / sizeof(*program),
		.license = (uintptr_t)"GPL",
	};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int loaded = syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	if (loaded < 0)
		fail("BPF_PROG_LOAD");
	union bpf_attr open = { .raw_tracepoint = { .name = (uintptr_t)"sys_exit", .prog_fd = loaded } };
	if (syscall(SYS_bpf, BPF_RAW_TRACEPOINT_OPEN, &open, sizeof(open)) < 0)
		fail("BPF_RAW_TRACEPOINT_OPEN");
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}

int main(int count, char **words)
{
	const char *what = count > 1 ? words[1] : "";
	if (!strcmp(what, "mark")) {
		ssize_t wrote = write(atoi(words[2]), "x", 1);
		return wrote == 1 ? 0 : 1;
	}
	if (!strcmp(what, "nothing"))
		return 0;
	if (!strcmp(what, "empty"))
		empty();
	if (!strcmp(what, "cost") && count == 7)
		return cost(words[2], atol(words[3]), atol(words[4]), atol(words[5]), words[6]);
	if (!strcmp(what, "flood") && count == 6)
		return flood(words[2], atol(words[3]), atol(words[4]), atol(words[5]));
	if (!strcmp(what, "bomb") && count == 3)
		return bomb(atol(words[2]));
	if (!strcmp(what, "forbidden") && count == 5)
		return forbidden(words[2], atol(words[3]), words[4]);
	if (!strcmp(what, "mixed") && count == 3)
		return mixed(atol(words[2]));
	if (!strcmp(what, "stamp") && count > 2) {
		/* The time of day at which the act begins, then the act in this process. */
		printf("%lld\n", (long long)now(CLOCK_REALTIME));
		fflush(stdout);
		execv(words[2], words + 2);
		fail(words[2]);
	}
	fputs("act: unknown\n", stderr);
	return 2;
}
