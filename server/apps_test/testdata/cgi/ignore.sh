#!/bin/sh
# Answers without a look at its body.
printf 'Content-Type: text/plain\n\n%s %s\n' "$REQUEST_METHOD" "$PATH_INFO"
