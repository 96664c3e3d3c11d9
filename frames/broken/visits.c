/* visits.c: counts its visitors, in a file.   cc -g -o visits visits.c */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    char path[4096];
    long n = 0;
    FILE *f;

    strcpy(path, getenv("HOME"));
    strcat(path, "/.visits");
    if ((f = fopen(path, "r")) != NULL) {
        if (fscanf(f, "%ld", &n) != 1) n = 0;
        fclose(f);
    }
    if ((f = fopen(path, "w")) != NULL) {
        fprintf(f, "%ld\n", n + 1);
        fclose(f);
    }
    printf("Content-Type: text/plain\n\nvisitor %ld\n", n + 1);
    return 0;
}
