/* A CGI program that prints 13 bytes, and one body of the length that its
 * query asks for; it reads the body that it is given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char buf[65536];
	const char *query = getenv("QUERY_STRING"), *length = getenv("CONTENT_LENGTH");
	long long left;
	ssize_t n;

	(void)argc;
	if (strstr(argv[0], "body") == NULL) {
		static const char hello[] = "Content-Type: text/plain\r\n\r\nHello, world\n";
		return write(1, hello, sizeof hello - 1) < 0;
	}
	for (left = length ? atoll(length) : 0; left > 0; left -= n)
		if ((n = read(0, buf, sizeof buf)) <= 0)
			return 1;
	left = query ? atoll(query) : 0;
	printf("Content-Type: application/octet-stream\r\nContent-Length: %lld\r\n\r\n", left);
	fflush(stdout);
	memset(buf, 0, sizeof buf);
	for (; left > 0; left -= n)
		if ((n = write(1, buf, left < (long long)sizeof buf ? (size_t)left : sizeof buf)) <= 0)
			return 1;
	return 0;
}
