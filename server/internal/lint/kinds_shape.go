package lint

// shapeKinds are about the output as a whole: is there a header, and does it
// begin and end where it should?
func shapeKinds() []Kind {
	return []Kind{
		{
			Code: "no-output", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.1",
			What: "nothing was printed",
			Why:  "an answer has at least one header field and an empty line",
			Fix:  `print "Content-Type: text/plain", an empty line, and the body; or "Status: 204 No Content" and an empty line for none`,
			Text: `The program ended, or closed its stdout, without a byte. Often it failed early: look at its stderr and its exit
status. Or it wrote somewhere else: to stderr, to a file, to a buffer that was never flushed.`,
		},
		{
			Code: "no-header", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.2",
			What: "the output does not begin with a header",
			Why:  "this line is no header field: fields come first, then an empty line, then the body",
			Fix:  `print "Content-Type: text/plain; charset=utf-8" and an empty line ahead of this`,
			Text: `A frame prints its own header. What works as a command in a terminal needs two more lines to be a page:

    Content-Type: text/plain; charset=utf-8

    ... and then the body`,
		},
		{
			Code: "html-without-header", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.2",
			What: "HTML straight away, without a header",
			Why:  "the page begins here, but a header comes first",
			Fix:  `print "Content-Type: text/html; charset=utf-8" and an empty line ahead of the page`,
			Text: `A frame prints its own header; a file that a web server would serve as it is has none. If the page never changes, put the
file into the static directory instead.`,
		},
		{
			Code: "source-code", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.2",
			What: "the program's own text was printed, it was not run",
			Why:  "this is how a script begins, not an answer",
			Fix:  "run it: chmod +x, and its own name as the command, or its interpreter with it",
			Text: `Something like cat was run in the place of the interpreter; or the interpreter took the text for something to print,
as php-cgi does with what is outside of <?php ... ?>, and a shell with a here-document.`,
		},
		{
			Code: "program-message", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.2",
			What: "an error message stands in the place of the header",
			Why:  "a program failed here, and its message went to stdout",
			Fix:  "mend what the message says; and send messages to stderr (no 2>&1): they are in the log then",
			Text: `A shell, an interpreter or a program below it said what is wrong, on stdout, where the answer belongs. Stderr is the place
for that: the gateway logs every line of it with the request's id.`,
		},
		{
			Code: "text-before-header", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.3",
			What: "text before the header",
			Why:  `this line has no ":" behind a name, so it is no header field`,
			Fix:  "print the header and its empty line ahead of anything else; send what is for the log to stderr",
			Text: `The header begins further down. Debugging output (print, echo, var_dump), a welcome message, or a program that was called on
the way and prints something, came first. In a shell: echo ... >&2. In Python: print(..., file=sys.stderr).`,
		},
		{
			Code: "text-in-header", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.3",
			What: "text between the header fields",
			Why:  `this line has no ":" behind a name, so it is no header field`,
			Fix:  "send it to stderr, or print it behind the empty line that ends the header",
			Text: `Fields stand above and below it. As a rule that is debugging output, or the output of a program that was called between
one field and the next.`,
		},
		{
			Code: "missing-empty-line", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.2",
			What: "no empty line between the header and the body",
			Why:  "the body begins here, but the header has not ended",
			Fix:  "print an empty line ahead of this",
			Text: `An empty line ends the header; without it, the first line of the body is read as a field.

    echo 'Content-Type: text/plain'
    echo                             # this one
    echo 'hello'

print("Content-Type: text/html\n") has both line ends, the field's and the empty line's, because print adds one.`,
		},
		{
			Code: "unfinished-header", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.2",
			What: "the output ends within the header",
			Why:  "the empty line that ends the header never came",
			Fix:  `print an empty line behind the last field, also when no body follows`,
			Text: `The program ended too early, or forgot the empty line of an answer without a body, like a redirect:

    printf 'Status: 303 See Other\nLocation: /list\n\n'`,
		},
		{
			Code: "escaped-newline", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.2",
			What: "the header holds the two characters \\n where a line should end",
			Why:  "nothing turned them into a line break, so the header goes on",
			Fix:  `printf 'Content-Type: text/plain\n\n' in the place of echo; in PHP, Perl and Ruby, double quotes`,
			Text: `echo 'Content-Type: text/plain\n\n' prints a backslash and an n in bash, and line breaks in dash. printf does the same
everywhere. In PHP, Perl and Ruby only double quotes know "\n"; in Python, r'' strings do not.`,
		},
		{
			Code: "empty-line-first", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.3",
			What: "an empty line comes first, so the header is empty",
			Why:  "the first empty line ends the header: what follows is the body",
			Fix:  "print the first field in the first line",
			Text: `Where the header is one long text, its first line break is easily overlooked:

    print("""
    Content-Type: text/html
    ...

Begin the text behind the quotes, or with """\, which takes the line break away. In PHP and templates: an empty line ahead of <?php.`,
		},
		{
			Code: "blank-not-empty", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.2",
			What: "the line that should end the header is not empty",
			Why:  "it holds white space, so it continues the field above",
			Fix:  "take the spaces out of this line",
			Text: `Spaces and tabs do not show, but they count: only a line with nothing in it ends a header. Often an editor's indentation.`,
		},
		{
			Code: "header-too-long", Severity: Error, Gateway: Refused, Section: "RFC 9110 §5.4",
			What: "the header is longer than 64 KiB",
			Why:  "that is what the gateway reads at the most, unless max-header says otherwise",
			Fix:  "send less in fields; if it is really meant, set max-header for this frame",
			Text: `Is the empty line missing, so that the body is read as header? Do cookies hold what belongs into a session on the server?
Clients and proxies have limits of their own, as a rule from 8 to 32 KiB.`,
		},
		{
			Code: "too-many-fields", Severity: Error, Gateway: Refused, Section: "RFC 9110 §5.4",
			What: "more than 1000 header fields",
			Why:  "the gateway reads no more than that",
			Fix:  "send fewer fields; is the empty line that ends the header missing?",
			Text: `No answer has so many fields on purpose. As a rule a loop prints one, or the body is read as header.`,
		},
		{
			Code: "utf-16", Severity: Error, Gateway: Refused, Section: "RFC 9112 §2.2",
			What: "the output is UTF-16",
			Why:  "every other byte is a NUL, or it begins with the mark of UTF-16; a header is ASCII",
			Fix:  "print UTF-8: [Console]::OutputEncoding in PowerShell, encoding= where a file is opened",
			Text: `Header fields are ASCII, one byte for each character. Windows programs and PowerShell before version 6 write UTF-16 when
their output goes to a file or a pipe.`,
		},
		{
			Code: "bom", Severity: Error, Gateway: Refused, Section: "RFC 9110 §5.1",
			What: "a byte order mark comes ahead of the header",
			Why:  "the bytes EF BB BF do not show, but they are a part of the first field's name",
			Fix:  `save the file as "UTF-8 without BOM", or open it with encoding="utf-8-sig"`,
			Text: `Some editors put the mark in front of UTF-8 files. In a PHP file or a template it is output like any other text, and comes
before the first header field.`,
		},
		{
			Code: "interim-without-final", Severity: Error, Gateway: Refused, Section: "RFC 9110 §15.2",
			What: "a 1xx status alone is no answer",
			Why:  "an interim response is followed by the final one, and nothing follows here",
			Fix:  "print the final answer behind it, or take a status from 200 on",
			Text: `103 Early Hints and 102 Processing come ahead of an answer with a header of its own. 100 Continue is the server's to send.`,
		},
		{
			Code: "too-many-interim", Severity: Error, Gateway: Refused, Section: "RFC 9110 §15.2",
			What: "more than ten interim responses ahead of the answer",
			Why:  "the gateway waits no longer for the final one",
			Fix:  "send one 103 with all its Link fields",
			Text: `A few 1xx responses ahead of the answer are passed on to the client. More than ten look like a loop.`,
		},
		{
			Code: "switching-protocols", Severity: Error, Gateway: Refused, Section: "RFC 9110 §15.2.2",
			What: "status 101: a frame cannot change the protocol of the connection",
			Why:  "the connection is the server's, the frame has only its stdin and stdout",
			Fix:  "answer the request; for a stream to the client, text/event-stream works through a frame",
			Text: `WebSocket and the like need the connection itself, which CGI does not give away.`,
		},
	}
}
