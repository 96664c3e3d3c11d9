package gateway_test

import "testing"

// TestRFC3875 is RFC 3875, clause by clause, as docs and code cite it: each
// subtest is named by its section, and each request passes through the
// listener, the guard, the router and a process of its own.
func TestRFC3875(t *testing.T) {
	rows := []struct {
		name string
		run  func(t *testing.T)
	}{
		{"3.1-conformant-whatever-the-script-prints", conformantHTTP},
		{"3.1-nothing-runs-for-a-refused-request", nothingRuns},
		{"3.1-rest-of-a-body-is-no-request", restOfBodyIsNoRequest},
		{"3.3-script-uri-names-the-same-script-again", scriptURI},

		{"4.1-only-the-listed-variables", listedVariables},
		{"4.1.1-auth-type-unset", noAuth},
		{"4.1.2-content-length-iff-body", contentLength},
		{"4.1.2-chunked-body-is-spooled-and-counted", chunkedSpool},
		{"4.1.3-content-type-iff-field", contentType},
		{"4.1.4-gateway-interface", gatewayInterface},
		{"4.1.5-path-info", pathInfo},
		{"4.1.6-path-translated-iff-path-info", pathTranslated},
		{"4.1.7-query-string-always-and-undecoded", queryString},
		{"4.1.8-remote-addr-and-4.1.9-remote-host", remoteAddr},
		{"4.1.11-remote-user-never-from-a-field", noAuth},
		{"4.1.12-request-method-any-token", requestMethod},
		{"4.1.13-script-name-even-if-empty", scriptName},
		{"4.1.14-server-name", serverName},
		{"4.1.14-server-name-ipv6", serverNameIPv6},
		{"4.1.15-server-port-of-the-listener", serverPort},
		{"4.1.16-server-protocol", serverProtocol},
		{"4.1.17-server-software-is-the-server-field", serverSoftware},
		{"4.1.18-fields-become-variables", fieldVariables},
		{"4.1.18-authorization-only-on-request", authorization},

		{"4.2-exactly-content-length-bytes-then-eof", stdinExact},
		{"4.2-unread-stdin-is-no-error", unreadStdin},
		{"4.2-scgi-on-stdin", scgiStdin},
		{"4.2-streamed-both-ways-at-once", streamBothWays},
		{"4.2-expect-100-continue", expectContinue},
		{"4.3.3-head-has-no-body", head},
		{"4.4-query-is-never-argv", queryIsNeverArgv},
		{"5-nph-output-is-parsed", nphIsParsed},

		{"6.1-timeouts", timeouts},
		{"6.1-output-is-flushed-as-it-comes", flushed},
		{"6.2.1-document", documentResponse},
		{"6.2.2-local-redirect", localRedirect},
		{"6.2.2-at-most-five-hops", redirectHops},
		{"6.2.3-and-6.2.4-client-redirect", clientRedirect},
		{"6.3-broken-header-is-502", brokenHeaders},
		{"6.3.3-status-forms", statusForms},
		{"6.3.3-interim-responses-pass", interim},
		{"6.3.3-no-body-with-204-205-304", bodyless},
		{"6.3.4-other-fields-pass-hop-by-hop-fields-do-not", otherFields},
		{"6.4-body-unmodified-and-as-long-as-it-says", bodyUnmodified},
		{"6.4-http-1.0-has-no-chunks", http10},
		{"6.4-keep-alive-survives-all-of-it", keepAliveSurvives},

		{"7.2-working-directory", workingDirectory},
		{"9.8-dots-are-resolved-before-the-split", dotsBeforeSplit},
	}
	for _, row := range rows {
		t.Run(row.name, row.run)
	}
}
