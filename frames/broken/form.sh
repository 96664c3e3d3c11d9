#!/bin/sh
# Counts the lines of a form, which ends with a line that says "end".
lines=0
while [ "$line" != end ]; do
    read -r line
    lines=$((lines + 1))
done
printf 'Content-Type: text/plain\n\n'
echo "got $lines lines"
