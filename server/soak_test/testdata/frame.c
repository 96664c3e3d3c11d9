/*
 * The well-behaved frames of the soak test, in one program that starts fast:
 * its first argument says which. The query string is the token of a request:
 * an answer that went to the wrong client shows it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *token(void)
{
	const char *q = getenv("QUERY_STRING");
	return q ? q : "";
}

static uint64_t sum(const unsigned char *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
	while (n--)
		h = (h ^ *p++) * 0x100000001b3u;
	return h;
}

/* Every second answer, by its token, says its length. */
static int hello(void)
{
	char body[512];
	int n = snprintf(body, sizeof body, "hello %s\n", token());
	printf("Content-Type: text/plain\n");
	if (sum((const unsigned char *)token(), strlen(token())) & 1)
		printf("Content-Length: %d\n", n);
	printf("\n%s", body);
	return 0;
}

/* Reads the whole body, then prints it behind its sum. */
static int echo(void)
{
	size_t have = 0, room = 4096, n;
	unsigned char *body = malloc(room);
	while (body && (n = fread(body + have, 1, room - have, stdin)) > 0) {
		have += n;
		if (have == room)
			body = realloc(body, room *= 2);
	}
	if (!body)
		return 1;
	printf("Content-Type: application/octet-stream\nX-Sum: %016llx\nX-Length: %s\nContent-Length: %zu\n\n",
	       (unsigned long long)sum(body, have), getenv("CONTENT_LENGTH") ? getenv("CONTENT_LENGTH") : "none", have);
	return fwrite(body, 1, have, stdout) == have ? 0 : 1;
}

/* Prints the body while it reads it. */
static int relay(void)
{
	char buf[4096];
	size_t n;
	printf("Content-Type: application/octet-stream\n\n");
	fflush(stdout);
	while ((n = fread(buf, 1, sizeof buf, stdin)) > 0)
		if (fwrite(buf, 1, n, stdout) != n || fflush(stdout) != 0)
			return 1;
	return 0;
}

/* Prints line by line, as events come. */
static int stream(void)
{
	printf("Content-Type: text/event-stream\n\n");
	for (int i = 0; i < 20; i++) {
		printf("data: %d of %s\n\n", i, token());
		if (fflush(stdout) != 0)
			return 1;
		usleep(5000);
	}
	return 0;
}

/* Prints as many MiB, which nobody could guess without the token. */
static int print_mib(int mib)
{
	uint64_t x = sum((const unsigned char *)token(), strlen(token())) | 1;
	printf("Content-Type: application/octet-stream\n\n");
	for (int i = 0; i < (mib << 20) / 8; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		if (fwrite(&x, sizeof x, 1, stdout) != 1)
			return 1;
	}
	return 0;
}

static int download(void) { return print_mib(2); }

static int large(void) { return print_mib(12); }

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} modes[] = { { "hello", hello }, { "echo", echo }, { "relay", relay }, { "stream", stream },
		    { "download", download }, { "large", large } };
	for (size_t i = 0; argc == 2 && i < sizeof modes / sizeof *modes; i++)
		if (strcmp(argv[1], modes[i].name) == 0)
			return modes[i].run() || fflush(stdout) != 0;
	return 2;
}
