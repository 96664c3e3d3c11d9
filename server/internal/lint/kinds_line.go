package lint

// lineKinds are about the form of one line of the header, whatever it says.
func lineKinds() []Kind {
	return []Kind{
		{
			Code: "bare-cr", Severity: Error, Gateway: Refused, Section: "RFC 9112 §2.2",
			What: "a CR that ends no line",
			Why:  "only LF and CR LF end a line; a CR elsewhere could pass for a line end, and for a field of its own",
			Fix:  `end lines with "\n"; take line breaks out of what comes from the request`,
			Text: `Either the program ends its lines with CR alone, as old Macs did, or a value that came from the request holds one: then
somebody may be trying to smuggle a header field in (response splitting).`,
		},
		{
			Code: "cr-cr-lf", Severity: Error, Gateway: Refused, Section: "RFC 9112 §2.2",
			What: "lines end in CR CR LF",
			Why:  "the program prints CR LF, and its output turns each LF into CR LF once more",
			Fix:  `print "\n" alone, or make stdout binary: newline="" in Python, binmode STDOUT in Perl, _setmode in C`,
			Text: `Text streams of Windows, and of some libraries elsewhere, write CR LF for each "\n". A program that prints "\r\n" itself gets
one CR too many.`,
		},
		{
			Code: "nul-byte", Severity: Error, Gateway: Refused, Section: "RFC 9110 §5.5",
			What: "a NUL in the header",
			Why:  "a field holds no NUL byte",
			Fix:  "print the text's bytes only: without the NUL that ends a C string, and not as UTF-16",
			Text: `In C, sizeof counts the NUL at the end of a string, strlen does not. In other languages: a fixed-size buffer, or a value from
the request that was passed on unchecked.`,
		},
		{
			Code: "control-byte", Severity: Error, Gateway: Refused, Section: "RFC 9110 §5.5",
			What: "a control character in the header",
			Why:  "a field holds no control characters but the tab",
			Fix:  "take it out; colours for a terminal belong on stderr, and only there if it is one",
			Text: `ESC (0x1b) begins the colour codes of terminals: some program believes that it writes to one. Other control characters
as a rule come from the request, or from binary data.`,
		},
		{
			Code: "indented-field", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.3",
			What: "a header field is indented",
			Why:  "a line that begins with white space continues the one above, it is no field",
			Fix:  "begin the field in the first column",
			Text: `A header in a multi-line string of the source has the source's indentation, unless it is taken away: textwrap.dedent in
Python, <<~ in Ruby, <<- with tabs in sh.`,
		},
		{
			Code: "folded-field", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.3",
			What: "a header field goes on in a second line",
			Why:  "this line begins with white space: folded fields are obsolete, and not a part of CGI",
			Fix:  "print the field in one line, however long it is",
			Text: `Mail libraries fold long fields at 78 columns. In HTTP a field is one line. In Python's email package:
policy.HTTP, or maxheaderlen=0.`,
		},
		{
			Code: "full-width-colon", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.3",
			What: "a full-width colon (：) in the place of a colon",
			Why:  `the name and the value of a field are parted by ":", the ASCII character`,
			Fix:  `type ":" with the input method off`,
			Text: `Chinese and Japanese input methods type U+FF1A for the colon. It looks nearly the same, but it is another character.

全角冒号"："不是 ":"：请关闭输入法再输入。`,
		},
		{
			Code: "space-before-colon", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.3",
			What: "white space between the field's name and its colon",
			Why:  "servers disagree about what such a name is, so nobody passes it on",
			Fix:  `write "Name: value"`,
			Text: `White space behind the colon is free, in front of it there is none.`,
		},
		{
			Code: "empty-name", Severity: Error, Gateway: Refused, Section: "RFC 3875 §6.3",
			What: "a header field without a name",
			Why:  "the line begins with its colon",
			Fix:  `write "Name: value"; is a variable empty?`,
			Text: `As a rule the name comes from a variable that is empty here.`,
		},
		{
			Code: "bad-name", Severity: Error, Gateway: Refused, Section: "RFC 9110 §5.1",
			What: "a character that cannot stand in a field's name",
			Why:  "names are made of letters, digits and !#$%&'*+-.^_`|~",
			Fix:  `write "Name: value" with such a name`,
			Text: `Words of a name are joined by "-". If the line is no field at all, then it belongs behind the empty line, or to stderr.`,
		},
		{
			Code: "bad-status-line", Severity: Error, Gateway: Refused, Section: "RFC 9112 §4",
			What: "this is no status line",
			Why:  `a status line is "HTTP/1.1 404 Not Found", or "404 Not Found"`,
			Fix:  `print "Status: 404 Not Found", the CGI way, or leave it out for 200`,
			Text: `CGI has the field "Status: 404 Not Found". The gateway also takes a first line as HTTP has it, if it is written exactly so:
HTTP in capitals, "/", the version, a space, three digits.`,
		},
		{
			Code: "mixed-line-ends", Severity: Note, Gateway: Passes, Section: "RFC 3875 §7.2",
			What: "some header lines end in CR LF, some in LF",
			Why:  "both are fine, but not everywhere are they fine together",
			Fix:  `end all of them with "\n"`,
			Text: `Framegate takes either, line by line. Other servers look for one kind of empty line only.`,
		},
	}
}
