package lint

import "strings"

// nearest is the known word that a mistyped one most likely stands for, or ""
// when none is near enough to be more help than harm.
func nearest(word string, known []string) string {
	best, bestDistance := "", 3
	for _, k := range known {
		if len(word) > len(k)+2 || len(k) > len(word)+2 || len(word) < 6 {
			continue
		}
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance counts the letters to insert, to delete or to replace.
func distance(a, b string) int {
	above := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			replaced := above[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, replaced)
		}
		above, row = row, above
	}
	return above[len(b)]
}

// knownFields are fields of answers that frames print.
func knownFields() []string {
	return []string{
		"Content-Type", "Content-Length", "Status", "Location", "Set-Cookie", "Cache-Control", "Expires", "Last-Modified", "ETag", "Vary",
		"Content-Encoding", "Content-Disposition", "Content-Language", "Content-Location", "Content-Range", "Content-Security-Policy",
		"Accept-Ranges", "Age", "Allow", "Date", "Link", "Pragma", "Refresh", "Retry-After", "Server", "Server-Timing", "WWW-Authenticate",
		"Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Allow-Credentials",
		"Access-Control-Expose-Headers", "Access-Control-Max-Age", "Strict-Transport-Security", "Referrer-Policy", "Permissions-Policy",
		"X-Frame-Options", "X-Content-Type-Options", "X-Powered-By", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Authenticate",
		"Trailer", "Upgrade", "Warning", "Via", "Alt-Svc", "Timing-Allow-Origin", "Content-MD5", "Digest", "Clear-Site-Data",
	}
}

// requestFields are fields that only clients send.
func requestFields() []string {
	return []string{
		"Cookie", "Host", "User-Agent", "Referer", "Authorization", "Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language",
		"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range", "Expect",
		"Origin", "Proxy-Authorization", "Upgrade-Insecure-Requests",
	}
}

// isOneOf is the spelling of name in a list, whatever its capitals; "" when it
// is not there.
func isOneOf(name string, list []string) string {
	for _, k := range list {
		if strings.EqualFold(name, k) {
			return k
		}
	}
	return ""
}
