/* A CGI program that takes a known time for its 13 bytes: work spin MS has the
 * processor for so long, work wait MS waits. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	static const char hello[] = "Content-Type: text/plain\r\n\r\nHello, world\n";
	long long ns;

	if (argc != 3)
		return 2;
	ns = atoll(argv[2]) * 1000000LL;
	if (strcmp(argv[1], "spin") == 0) {
		/* Asking for the time costs a system call: not at each turn. */
		for (volatile int i = 0; now(CLOCK_PROCESS_CPUTIME_ID) < ns; )
			for (i = 0; i < 20000; i++)
				;
	} else {
		struct timespec t = { ns / 1000000000LL, ns % 1000000000LL };

		nanosleep(&t, NULL);
	}
	return write(1, hello, sizeof hello - 1) < 0;
}
