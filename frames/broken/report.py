#!/usr/bin/env python3
import os

import sums  # lib/sums.py

print("Content-Type: text/plain; charset=utf-8")
print()
print("the sum is", sums.of(os.environ["QUERY_STRING"]))
