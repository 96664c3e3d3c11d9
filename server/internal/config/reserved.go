package config

import (
	"slices"
	"strings"
)

// ReservedName says whether the gateway itself decides this variable of a
// frame's environment, so that neither env nor pass-env may name it: the
// meta-variables of RFC 3875 §4.1, the extensions that the gateway always
// sets, and HTTP_*, which belongs to the request's headers (§4.1.18).
//
// Case counts, as it does in a process's environment: http_proxy in lower case
// is what curl reads just because no request header can become it.
func ReservedName(name string) bool {
	return strings.HasPrefix(name, "HTTP_") || slices.Contains(reservedNames(), name)
}

func reservedNames() []string {
	return []string{
		// RFC 3875 §4.1.1 to §4.1.17
		"AUTH_TYPE", "CONTENT_LENGTH", "CONTENT_TYPE", "GATEWAY_INTERFACE",
		"PATH_INFO", "PATH_TRANSLATED", "QUERY_STRING", "REMOTE_ADDR",
		"REMOTE_HOST", "REMOTE_IDENT", "REMOTE_USER", "REQUEST_METHOD",
		"SCRIPT_NAME", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL",
		"SERVER_SOFTWARE",
		// what the gateway adds to them
		"REQUEST_URI", "REQUEST_SCHEME", "HTTPS", "DOCUMENT_ROOT",
		"SCRIPT_FILENAME", "REDIRECT_STATUS", "REMOTE_PORT", "SERVER_ADDR",
		"REQUEST_ID",
	}
}
