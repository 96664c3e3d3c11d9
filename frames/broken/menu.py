#!/usr/bin/env python3
import json
import sys

menu = {"茶": 3, "咖啡": 4}
text = json.dumps(menu, ensure_ascii=False)

sys.stdout.reconfigure(encoding="utf-8")
print("Content-Type: application/json")
print("Content-Length: %d" % len(text))
print()
print(text, end="")
