package lint

// valueKinds are about what is in a field.
func valueKinds() []Kind {
	return []Kind{
		{
			Code: "bad-content-type", Severity: Warning, Gateway: Passes, Section: "RFC 9110 §8.3.1, RFC 2045 §5.1",
			What: "this is no media type",
			Why:  `a Content-Type is "type/subtype", then "; name=value" for each parameter`,
			Fix:  `write "Content-Type: text/html; charset=utf-8"`,
			Text: `A missing ";" or "/" makes the whole value unreadable, and each client guesses in its own way. A multipart type needs its
boundary.`,
		},
		{
			Code: "charset-name", Severity: Note, Gateway: Passes, Section: "RFC 2978 §2.3",
			What: "this charset has another name",
			Why:  "browsers know it by this one, too, other clients may not",
			Fix:  "write charset=utf-8",
			Text: `The registered name of UTF-8 has a hyphen.`,
		},
		{
			Code: "non-ascii-value", Severity: Warning, Gateway: Passes, Section: "RFC 9110 §5.5",
			What: "bytes beyond ASCII in a header field",
			Why:  "no charset holds for a header: each client reads them in its own way",
			Fix:  "encode them: percent-encoding in a URL and a cookie, filename*=UTF-8''… in Content-Disposition",
			Text: `Some clients read Latin-1, some UTF-8, some refuse the answer.

    Content-Disposition: attachment; filename="report.txt"; filename*=UTF-8''%E6%8A%A5%E5%91%8A.txt   (RFC 8187)`,
		},
		{
			Code: "relative-location", Severity: Warning, Gateway: Passes, Section: "RFC 3875 §6.3.2",
			What: "a relative Location",
			Why:  `CGI knows "/path" and "scheme://host/path"; other servers refuse what is neither`,
			Fix:  "write the path from its root: /shop/list, with SCRIPT_NAME in front of it",
			Text: `Browsers resolve it against the URL that they asked for, of which a frame sees what its mount leaves: with PATH_INFO behind
the script's name, it ends up one directory deeper than was meant.`,
		},
		{
			Code: "bad-location", Severity: Warning, Gateway: Passes, Section: "RFC 3986 §2",
			What: "this Location is no URL",
			Why:  "a URL is ASCII without spaces",
			Fix:  "percent-encode it: %20 for a space, %E4%B8%AD for 中",
			Text: `urllib.parse.quote in Python, rawurlencode in PHP, URI::Escape in Perl, encodeURI in JavaScript.`,
		},
		{
			Code: "local-redirect-with-fields", Severity: Warning, Gateway: Passes, Section: "RFC 3875 §6.2.2",
			What: "a redirect within the server has a Location and nothing else",
			Why:  "with other fields beside it the client is redirected (302), and asks again",
			Fix:  `print the Location alone; or "Status: 303 See Other" with it, if the client should go there`,
			Text: `"Location: /path" alone makes the gateway answer with that URL's response at once. One more field, be it a Content-Type, and
the browser is sent there. If that is what you mean, say so with a Status.`,
		},
		{
			Code: "bad-cookie", Severity: Warning, Gateway: Passes, Section: "RFC 6265 §4.1.1",
			What: "this Set-Cookie is not as it should be",
			Why:  `a cookie is "name=value", then "; Attribute=value" for each attribute`,
			Fix:  `write "Set-Cookie: name=value; Path=/; HttpOnly; SameSite=Lax"`,
			Text: `A value holds no spaces, commas, semicolons, quotes or backslashes, and is ASCII: encode what may hold others. One field
sets one cookie; print a field for each. Browsers drop a cookie with SameSite=None or a __Secure- name that lacks Secure.`,
		},
		{
			Code: "bad-date", Severity: Warning, Gateway: Passes, Section: "RFC 9110 §5.6.7",
			What: "this is no date of HTTP",
			Why:  "a date is like Sun, 06 Nov 1994 08:49:37 GMT: English names, two digits, always GMT",
			Fix:  `email.utils.formatdate(usegmt=True) in Python, LC_ALL=C date -u '+%a, %d %b %Y %H:%M:%S GMT' in sh`,
			Text: `A client that cannot read the date acts as if it were not there. strftime takes the names of the day and the month from the
locale: they must be English.`,
		},
		{
			Code: "bad-etag", Severity: Warning, Gateway: Passes, Section: "RFC 9110 §8.8.3",
			What: "an ETag without its quotes",
			Why:  `an ETag is "text" in double quotes, or W/"text"`,
			Fix:  `write ETag: "abc"`,
			Text: `The quotes are a part of it: clients send it back in If-None-Match with them.`,
		},
	}
}
