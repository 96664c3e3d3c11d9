/* What the machine can do: start a program, read what it prints to the end,
 * reap it, over and over, on as many threads as there are cores. No HTTP, no
 * environ to build, no limit, no log.
 *
 * usage: limit SECONDS THREADS PROGRAM [ARG]...
 * Prints the number of programs in a second. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char **program;
static char *environment[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "REQUEST_METHOD=GET", "SERVER_PROTOCOL=HTTP/1.1",
	"GATEWAY_INTERFACE=CGI/1.1", "SERVER_NAME=localhost", "SERVER_PORT=80", "SCRIPT_NAME=", "PATH_INFO=/", "QUERY_STRING=", NULL };
static double until;
static atomic_long done;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void *loop(void *unused)
{
	char buf[65536];
	(void)unused;
	while (now() < until) {
		posix_spawn_file_actions_t actions;
		int fds[2], status;
		pid_t pid;
		if (pipe2(fds, O_CLOEXEC) != 0)
			abort();
		posix_spawn_file_actions_init(&actions);
		posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
		posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
		if (posix_spawn(&pid, program[0], &actions, NULL, program, environment) != 0)
			abort();
		close(fds[1]);
		while (read(fds[0], buf, sizeof buf) > 0)
			;
		close(fds[0]);
		if (waitpid(pid, &status, 0) != pid || status != 0)
			abort();
		posix_spawn_file_actions_destroy(&actions);
		atomic_fetch_add(&done, 1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[64];
	int i, n;
	double begun = now();

	if (argc < 4 || (n = atoi(argv[2])) < 1 || n > 64)
		return 2;
	program = argv + 3;
	until = begun + atof(argv[1]);
	for (i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, loop, NULL) != 0)
			abort();
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	printf("%.1f\n", done / (now() - begun));
	return 0;
}
