package lint

// fieldKinds are about which fields there are.
func fieldKinds() []Kind {
	return []Kind{
		{
			Code: "bad-status", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.3.3",
			What: "the status is no number",
			Why:  "a status is three digits, a space, and words that nobody reads",
			Fix:  `write "Status: 404 Not Found"`,
			Text: `"Status: OK" and "Status: Not Found" lack the number. "Status: HTTP/1.1 404" has what belongs into a status line.`,
		},
		{
			Code: "status-out-of-range", Severity: Error, Gateway: Refused, Section: "RFC 9110 §15",
			What: "there is no such status",
			Why:  "a status is three digits from 100 to 599",
			Fix:  "take 500 for a failure of the program, 400 for one of the request; an error number of your own belongs into the body",
			Text: `The first digit tells clients what to make of the answer: 2 good, 3 elsewhere, 4 the client's fault, 5 the server's. An exit
status, an errno or a database's error code is none.`,
		},
		{
			Code: "second-status", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.3",
			What: "a second status",
			Why:  "a response has one, and nobody can tell which of them is meant",
			Fix:  "keep one: a Status field, or a status line, not both",
			Text: `As a rule an error handler prints its own Status behind one that was printed already. Hold the header back until it is
certain. A first line "HTTP/1.1 200 OK" counts as a status, too.`,
		},
		{
			Code: "repeated-field", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.3",
			What: "a field that may be there once only is there twice",
			Why:  "Content-Type, Location and Content-Length stand for one thing each",
			Fix:  "keep the one that is meant",
			Text: `As a rule a library prints one and the program the other, or an error handler prints a header of its own behind the first.
Two different lengths are also how a response is smuggled past a proxy.`,
		},
		{
			Code: "bad-content-length", Severity: Error, Gateway: Refused, Section: "RFC 9110 §8.6",
			What: "Content-Length is no number of bytes",
			Why:  "it is digits, and nothing else: no sign, no unit, no space between them",
			Fix:  "leave Content-Length out: the gateway frames the body without it",
			Text: `An empty variable, a formatted number (1,234), or wc's output with the file's name are what it comes from.`,
		},
		{
			Code: "transfer-encoding", Severity: Error, Gateway: Refused, Section: "RFC 9112 §6.1",
			What: "Transfer-Encoding is not the frame's to choose",
			Why:  "it is between the server and its client, and the body here is not encoded again",
			Fix:  "leave the field out and print the body as it is; the gateway sends it in chunks where that is needed",
			Text: `A program that printed chunks itself would have them taken for the body's own bytes. RFC 3875 §6.3.4 forbids fields of the
connection for that reason.`,
		},
		{
			Code: "hop-by-hop", Severity: Warning, Gateway: Drops, Section: "RFC 3875 §6.3.4",
			What: "this field is the connection's, not the answer's",
			Why:  "the connection is between the server and its client; a frame does not have it",
			Fix:  "leave the field out",
			Text: `Connection, Keep-Alive, Proxy-Connection, TE, Trailer and Upgrade, and what Connection names, are left out of the answer.
To end the connection is never needed: the server knows when the answer is over.`,
		},
		{
			Code: "no-content-type", Severity: Warning, Gateway: Guards, Section: "RFC 3875 §6.3.1",
			What: "a body without a Content-Type",
			Why:  "the header ends here, and nothing says what the body is: browsers save it to disk",
			Fix:  `print "Content-Type: text/html; charset=utf-8", or what else it is`,
			Text: `The type is never guessed: a guess would let text of strangers run as a page. An empty Content-Type is none, and so is one
that a Connection field names.`,
		},
		{
			Code: "misspelt-field", Severity: Warning, Gateway: Passes, Section: "RFC 9110 §5.1",
			What: "a field of this name is not known",
			Why:  "it is very near to one that is known, which nobody will find under this name",
			Fix:  "mend the name; begin a name of your own with X-",
			Text: `Capitals do not matter, but letters and hyphens do: "Content_Type" and "ContentType" are other fields, and mean nothing.`,
		},
		{
			Code: "request-field", Severity: Warning, Gateway: Passes, Section: "RFC 9110 §10.1",
			What: "this field belongs into a request",
			Why:  "it is what a client says to a server; in an answer it means nothing",
			Fix:  "leave it out",
			Text: `Cookie is what the browser sends; Set-Cookie is how it is told to. An Authorization or Cookie that is printed back gives
away what should stay a secret.`,
		},
		{
			Code: "message-as-field", Severity: Warning, Gateway: Passes, Section: "RFC 3875 §6.3",
			What: "this looks like a message, but it passes for a header field",
			Why:  `a word, a colon, some text: that is the form of "Name: value"`,
			Fix:  "send messages to stderr",
			Text: `Messages like "sh: 1: foo: not found" and "DEBUG: starting" have the form of a field, so they do not break the header. They
go out to every client.`,
		},
		{
			Code: "repeated-single-field", Severity: Warning, Gateway: Passes, Section: "RFC 9110 §5.3",
			What: "a field that may be there once only is there twice",
			Why:  "it is no list; clients take the first, the last, or none",
			Fix:  "keep one",
			Text: `Only fields that are lists may be repeated, and Set-Cookie.`,
		},
		{
			Code: "missing-required-field", Severity: Warning, Gateway: Passes, Section: "RFC 9110 §15",
			What: "this status wants another field",
			Why:  "without it the client cannot do what the status asks for",
			Fix:  "print that field, too",
			Text: `401 wants WWW-Authenticate (without it no browser asks for a password), 405 wants Allow, 407 Proxy-Authenticate, 206 Content-Range.`,
		},
		{
			Code: "redirect-without-location", Severity: Warning, Gateway: Passes, Section: "RFC 9110 §15.4",
			What: "a redirect without a Location",
			Why:  "the status sends the client elsewhere, but nothing says where",
			Fix:  `print "Location: /there", too`,
			Text: `301, 302, 303, 307 and 308 are nothing without a Location. A browser shows the body, if there is one.`,
		},
		{
			Code: "location-without-redirect", Severity: Warning, Gateway: Passes, Section: "RFC 9110 §10.2.2",
			What: "this status does not redirect, so its Location has no effect",
			Why:  "a Location means something with 201 and 3xx",
			Fix:  `print "Status: 303 See Other" with it, or no Status at all (then it is 302)`,
			Text: `A frame that gives no Status and a Location redirects with 302. With "Status: 200 OK" the browser stays where it is.`,
		},
	}
}
