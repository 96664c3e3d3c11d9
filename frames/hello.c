/* hello.c: says hello and sends back what it is sent. C99.
 * Build:  cc -o hello frames/hello.c
 * By hand, without a server:  QUERY_STRING=name=Ada ./hello */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 3875 §4.1: the request comes as environment variables. */
static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

/* Where the value of the first name=... begins; it ends at a & or with the query. */
static const char *find_name(const char *query) {
    while (query && strncmp(query, "name=", 5))
        if ((query = strchr(query, '&'))) query++;
    return query && query[5] && query[5] != '&' ? query + 5 : "world";
}

/* §4.1.7: the query arrives still encoded. "+" is a space, "%41" is the byte
 * 0x41, and a "%" without two hex digits is only a "%". */
static void put_decoded(const char *s) {
    for (; *s && *s != '&'; s++) {
        if (*s == '%' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2])) {
            char hex[3] = {s[1], s[2], 0};
            putchar((int)strtol(hex, NULL, 16));
            s += 2;
        } else putchar(*s == '+' ? ' ' : *s);
    }
}

int main(void) {
    const char *method = variable("REQUEST_METHOD"), *query = variable("QUERY_STRING");
    if (!*method) method = "GET"; /* for a run by hand only */
    int upload = !strcmp(method, "POST") || !strcmp(method, "PUT"), head = !strcmp(method, "HEAD");

    /* §6.3.3: a Status line, when it is not 200. §6.2: header lines, an empty line, the body. */
    if (!upload && !head && strcmp(method, "GET")) {
        puts("Status: 405 Method Not Allowed\nAllow: GET, HEAD, POST, PUT\n"
             "Content-Type: text/plain; charset=utf-8\n\nonly GET, HEAD, POST and PUT");
        return 0;
    }
    puts("Content-Type: text/plain; charset=utf-8\n"); /* §6.3.1 */
    if (head) return 0;                                /* §4.3.3: a HEAD has no body */
    fputs("hello, ", stdout);
    put_decoded(find_name(query));
    printf("\nmethod: %s\nscript: %s\npath: %s\nquery: %s\n", method,
           variable("SCRIPT_NAME"), variable("PATH_INFO"), query); /* §4.1.13, §4.1.5 */

    if (upload) { /* §4.2: CONTENT_LENGTH bytes wait on stdin, never read further. */
        unsigned long long left = strtoull(variable("CONTENT_LENGTH"), NULL, 10);
        printf("body: %llu bytes\n", left);
        for (int c; left > 0 && (c = getchar()) != EOF; left--) putchar(c);
    }
    return 0;
}
