package lint

// bodyKinds are about the body, and whether it is what the header says.
func bodyKinds() []Kind {
	return []Kind{
		{
			Code: "body-too-short", Severity: Error, Gateway: Cut, Section: "RFC 9110 §8.6",
			What: "the body is shorter than its Content-Length",
			Why:  "the client waits for the rest, which does not come",
			Fix:  "leave Content-Length out: the gateway frames the body without it",
			Text: `The client must see that the answer is not whole, so the connection is cut. Did the program end too early, or is the
length that of something else, like the text before it was encoded?`,
		},
		{
			Code: "body-too-long", Severity: Error, Gateway: DropsEnd, Section: "RFC 9110 §8.6",
			What: "the body is longer than its Content-Length",
			Why:  "what comes behind that many bytes is not sent",
			Fix:  "leave Content-Length out: the gateway frames the body without it",
			Text: `The answer ends where its length says. Something was printed behind it (a line end, debugging output, a second answer), or
the length was taken before the body was whole.`,
		},
		{
			Code: "length-in-characters", Severity: Error, Gateway: DropsEnd, Section: "RFC 9110 §8.6",
			What: "Content-Length counts characters where bytes are meant",
			Why:  "that is how many characters the body has; it has more bytes",
			Fix:  "encode first, then count; or leave Content-Length out",
			Text: `In Python, len(text) counts characters and len(text.encode()) bytes; in JavaScript, Buffer.byteLength(text); in Perl, length
after encode; in sh, wc -c rather than ${#text}. 中 is one character and three bytes in UTF-8.`,
		},
		{
			Code: "length-with-line-ends", Severity: Error, Gateway: CutOrDrops, Section: "RFC 9110 §8.6",
			What: "Content-Length counts the line ends otherwise than they were printed",
			Why:  "it fits if each line end were counted as the other kind",
			Fix:  "make stdout binary, and count what is printed; or leave Content-Length out",
			Text: `A text stream turned "\n" into "\r\n" behind the program's back, or the program counted a text with "\r\n" and something
took the CRs away. With too much printed, the rest is left out; with too little, the answer is cut.`,
		},
		{
			Code: "body-not-allowed", Severity: Warning, Gateway: Drops, Section: "RFC 9110 §6.4.1",
			What: "this status has no body, but one was printed",
			Why:  "from here on nothing is sent",
			Fix:  "print nothing behind the empty line; or take status 200",
			Text: `204, 205 and 304 end with their header. Even a line end behind the empty line is a body.`,
		},
		{
			Code: "body-on-head", Severity: Note, Gateway: Drops, Section: "RFC 3875 §4.3.3",
			What: "a body in the answer to HEAD",
			Why:  "HEAD asks for the header alone; the body is made in vain",
			Fix:  `print nothing behind the empty line if REQUEST_METHOD is HEAD`,
			Text: `No harm is done, the gateway leaves it out; but the RFC forbids it, and the work is for nothing.`,
		},
		{
			Code: "length-without-body", Severity: Warning, Gateway: Drops, Section: "RFC 9110 §8.6",
			What: "a Content-Length where there is no body",
			Why:  "1xx and 204 have no body, and so no length",
			Fix:  "leave it out",
			Text: `Clients that believe it wait for a body that never comes.`,
		},
		{
			Code: "body-after-redirect", Severity: Warning, Gateway: Drops, Section: "RFC 3875 §6.2.2",
			What: "a body behind a redirect within the server",
			Why:  "the other URL's response is the answer; from here on nothing is sent",
			Fix:  `print nothing behind the empty line; or "Status: 302 Found" and a Content-Type, for a redirect with a document`,
			Text: `"Location: /path" alone makes the gateway answer with that URL's response.`,
		},
		{
			Code: "header-in-body", Severity: Warning, Gateway: Passes, Section: "RFC 3875 §6.2",
			What: "the body begins with what looks like a second header",
			Why:  "the header has ended above: this line is shown to the reader",
			Fix:  "print one header; take the empty line away if these fields belong to it",
			Text: `A library has printed a header of its own, or an empty line came too early, for instance from a value that ends in a line
break.`,
		},
		{
			Code: "missing-charset", Severity: Warning, Gateway: Passes, Section: "RFC 3875 §6.3.1",
			What: "text beyond ASCII, and no charset",
			Why:  "each client guesses how to read this, and may guess wrong",
			Fix:  "add it to the Content-Type: ; charset=utf-8",
			Text: `中文 arrives as six strange letters with a client that reads Latin-1. In HTML <meta charset="utf-8"> does it, too; for
text/plain there is only the header.`,
		},
		{
			Code: "not-in-charset", Severity: Error, Gateway: Passes, Section: "RFC 3629 §3",
			What: "the body is not in the charset that the header names",
			Why:  "these bytes are not UTF-8: readers see \ufffd here",
			Fix:  "encode the text as UTF-8, or name the charset that it is in",
			Text: `Latin-1 and GBK text in a page that says UTF-8. As a rule a file or a database speaks another charset than the program, or a
character was cut in two by counting bytes.`,
		},
		{
			Code: "other-charset", Severity: Warning, Gateway: Passes, Section: "RFC 9110 §8.3.2",
			What: "the header names another charset, but the body is UTF-8",
			Why:  "this text makes sense as UTF-8, and would hardly do so by chance",
			Fix:  "write charset=utf-8",
			Text: `Readers see ä½ å¥½ in the place of 你好, or other characters altogether.`,
		},
		{
			Code: "meta-charset", Severity: Warning, Gateway: Passes, Section: "RFC 9110 §8.3.2",
			What: "the page and the header name different charsets",
			Why:  "the header's counts, and this is ignored, until the page is saved to disk",
			Fix:  "name the same in both: utf-8",
			Text: `As a rule one of them was left behind when the other was changed.`,
		},
		{
			Code: "html-as-text", Severity: Warning, Gateway: Passes, Section: "RFC 9110 §8.3",
			What: "HTML that is sent as text/plain",
			Why:  "browsers show the tags, not the page",
			Fix:  `print "Content-Type: text/html; charset=utf-8"`,
			Text: `If the source is what readers should see, then text/plain is right, and this finding is not.`,
		},
		{
			Code: "bad-json", Severity: Error, Gateway: Passes, Section: "RFC 8259 §2",
			What: "the body is no JSON",
			Why:  "a client that reads it as JSON fails here",
			Fix:  "write it with a JSON library: json.dumps in Python, json_encode in PHP",
			Text: `What Python prints for a dict is not JSON: single quotes, True, None. NaN is none either, nor are comments, a comma behind
the last element, a byte order mark, or debugging output around it.`,
		},
		{
			Code: "bad-encoding", Severity: Error, Gateway: Passes, Section: "RFC 9110 §8.4.1",
			What: "the body is not in the Content-Encoding that the header names",
			Why:  "clients undo the encoding before they look at the body, and fail here",
			Fix:  "leave Content-Encoding out, or encode the body as a whole, behind the empty line",
			Text: `The field was set, but nothing compresses; or text was printed ahead of the compressed bytes, or a text stream has changed
them; or the compressor was not closed, so that its end is missing.`,
		},
		{
			Code: "undeclared-gzip", Severity: Warning, Gateway: Passes, Section: "RFC 9110 §8.4",
			What: "a text that is compressed, and nothing says so",
			Why:  "these are the first bytes of gzip; the reader sees them as they are",
			Fix:  `print "Content-Encoding: gzip", if the request's Accept-Encoding has it`,
			Text: `A file that ends in .gz was sent as what is inside of it.`,
		},
		{
			Code: "error-in-body", Severity: Warning, Gateway: Passes, Section: "RFC 9110 §15.6.1",
			What: "a program's failure stands in the body, and the status says that all is well",
			Why:  "strangers read it, and no client can tell that this is no answer",
			Fix:  `send messages to stderr, and answer "Status: 500 Internal Server Error"`,
			Text: `Python's traceback and PHP's "Fatal error" tell paths and variables to whoever asks. In PHP: display_errors=stderr. In Python:
no traceback.print_exc(file=sys.stdout), no 2>&1.`,
		},
	}
}
