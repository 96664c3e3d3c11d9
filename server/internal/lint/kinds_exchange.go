package lint

// exchangeKinds are about the process: how it ended, when it spoke, what it
// read. They need more than the output.
func exchangeKinds() []Kind {
	return []Kind{
		{
			Code: "header-injection", Severity: Error, Gateway: Passes, Section: "RFC 9112 §11.1",
			What: "a line break of the request has come into the header",
			Why:  "the client has written this line: anybody can add fields, cookies or a body of their own",
			Fix:  "refuse line breaks in what goes into a field, or percent-encode the value",
			Text: `This is response splitting. A parameter like next=/a%0d%0aSet-Cookie:%20id=1 was decoded and printed into a field. To the
gateway the result is two fields like any others; only the frame can know what it meant.`,
		},
		{
			Code: "not-started", Severity: Error, Gateway: "answers 500 or 503",
			What: "the program could not be started",
			Why:  "the system did not run it",
			Fix:  "framegate check looks for every program and says what is missing",
			Text: `The file is missing or has no run bit, its first line names an interpreter that is not there, or a limit of the system is reached.`,
		},
		{
			Code: "killed", Severity: Error, Gateway: "answers 502, or cuts the answer",
			What: "the program was killed by a signal",
			Why:  "nobody can tell what it still had to say",
			Fix:  "run it again under a debugger: gdb --args, python3 -X faulthandler",
			Text: `SIGSEGV, SIGBUS, SIGABRT and SIGFPE are crashes of the program or of a library. A SIGKILL that nobody sent is the kernel's, out
of memory: dmesg | tail. SIGXCPU is cpu-time, SIGSYS the sandbox.`,
		},
		{
			Code: "timed-out", Severity: Error, Gateway: "answers 504, or cuts the answer", Section: "RFC 3875 §6.1",
			What: "the program took too long and was stopped",
			Why:  "a clock of the frame's configuration has rung",
			Fix:  "find what it waits for (strace -p PID, py-spy dump --pid PID), or set the clock otherwise",
			Text: `first-byte-timeout is for the first byte of the output, idle-timeout for each pause, total-timeout for all of it. What often
lies behind it: a database or a service that does not answer, a lock, a prompt that waits for a person.`,
		},
		{
			Code: "uncaught-exception", Severity: Error, Gateway: Stands,
			What: "the program ended with an exception",
			Why:  "its traceback is on stderr",
			Fix:  "mend what it names; the last lines of stderr say where",
			Text: `The line that is shown is the traceback's last, and the place the one nearest to it.`,
		},
		{
			Code: "gateway-failure", Severity: Error, Gateway: Stands,
			What: "the gateway counts this exchange as a failure",
			Why:  "that is what the log record says",
			Fix:  "see its error in docs/debugging.md",
			Text: `What no other finding explains: a limit of the configuration that was reached, like max-output or max-header, a body that could
not be stored.`,
		},
		{
			Code: "exit-after-success", Severity: Warning, Gateway: Noted,
			What: "the program exited with a failure after a good answer",
			Why:  "the client was told that all is well, the exit status says that it is not",
			Fix:  `exit with 0 after an answer; answer "Status: 500 Internal Server Error" when something failed`,
			Text: `The answer had gone out when the program ended, and a status cannot be taken back. Often the last command of a shell script
decides its exit status by chance: grep and diff exit with 1 when nothing is wrong. End with: exit 0.`,
		},
		{
			Code: "silent-failure", Severity: Warning, Gateway: Noted,
			What: "the program failed and said nothing on stderr",
			Why:  "the log can tell that it failed, but not why",
			Fix:  "print the reason to stderr before exiting",
			Text: `set -x in a shell script, or a handler that logs exceptions, shows how far it came. Is stderr redirected (2>/dev/null)?`,
		},
		{
			Code: "lived-on", Severity: Warning, Gateway: "stops it",
			What: "the program closed its stdout and lived on",
			Why:  "the answer is over, but its process still takes a slot of the frame",
			Fix:  "end when the answer is printed; leave work for later to a queue, or to a daemon of its own (setsid)",
			Text: `What it would have printed afterwards nobody could read. The gateway waits for a moment, because the exit status tells whether
the answer was whole, and then stops the process.`,
		},
		{
			Code: "stdout-held", Severity: Warning, Gateway: "waits for it, for half a second", Section: "RFC 3875 §6.4",
			What: "something else held stdout open when the program had ended",
			Why:  "the answer ends when the last one closes it: each client waits for that",
			Fix:  "start background programs with their own output: setsid job >/dev/null 2>&1 </dev/null &",
			Text: `A child that the program has left running inherits its stdout. As long as it has it open, nobody can know that the answer is whole.`,
		},
		{
			Code: "stdin-half-read", Severity: Warning, Gateway: Stands, Section: "RFC 3875 §4.2",
			What: "the program has read only a part of the request's body",
			Why:  "it read some, and left the rest",
			Fix:  "read CONTENT_LENGTH bytes, in a loop: one read may give less; and count bytes, not characters",
			Text: `read() on a pipe gives what is there just now. In Python: sys.stdin.buffer.read(int(os.environ["CONTENT_LENGTH"])), not
sys.stdin.read, which counts characters. It is fine to stop early on purpose, for a body that is refused.`,
		},
		{
			Code: "stdin-unread", Severity: Note, Gateway: Stands, Section: "RFC 3875 §4.2",
			What: "the program has not read the request's body",
			Why:  "it is not obliged to, but the client has sent it for something",
			Fix:  "read CONTENT_LENGTH bytes from stdin; or refuse such requests: Status: 405, or 413",
			Text: `A form that is sent with POST comes on stdin, and not in QUERY_STRING.`,
		},
		{
			Code: "one-burst", Severity: Note, Gateway: Stands,
			What: "everything was printed at once, at the end",
			Why:  "as a rule the output lay in a buffer: a pipe is no terminal, so it is not flushed line by line",
			Fix:  "flush behind the header and each part: print(..., flush=True), $| = 1 in Perl, fflush(stdout), stdbuf -oL",
			Text: `The gateway sends what it is given at once; the client could have had the beginning of the page while the rest was computed.
If nothing could be said before the end, all is well.`,
		},
		{
			Code: "slow-first-byte", Severity: Note, Gateway: Stands,
			What: "the first byte came late",
			Why:  "until then the client sees nothing",
			Fix:  "see what the program does before it prints: framegate run --trace; print the header before the long work",
			Text: `As a rule that is the start of an interpreter and its imports, or a query. Python: python3 -X importtime.`,
		},
	}
}
