package reqfile

import (
	"slices"
	"strings"
)

// flag is what a flag of curl does: with takes an argument.
type flag struct {
	with bool
	do   func(q *curl, value string)
}

// flags reads the arguments; it returns those behind --next, or nil.
func (q *curl) flags(args []string) (rest []string, err error) {
	known, letters := curlFlags(), curlLetters()
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--next" || arg == "-:":
			return args[i+1:], nil
		case len(arg) < 2 || arg[0] != '-':
			q.urls = append(q.urls, arg)
		case strings.HasPrefix(arg, "--"):
			f, ok := known[arg[2:]]
			if !ok && strings.HasPrefix(arg, "--no-") {
				f, ok = known[arg[5:]]
				ok = ok && !f.with && f.do == nil
			}
			if !ok {
				return nil, q.unknown(arg)
			}
			if !f.with {
				f.call(q, "")
				continue
			}
			if i++; i == len(args) {
				return nil, q.errorf("curl's %s needs a value", arg)
			}
			f.call(q, args[i])
		default:
			used, err := q.shortFlags(known, letters, arg, args[i+1:])
			if err != nil {
				return nil, err
			}
			i += used
		}
	}
	return nil, nil
}

// shortFlags reads "-sSXPOST": letters without a value, then one with.
func (q *curl) shortFlags(known map[string]flag, letters map[byte]string, arg string, rest []string) (used int, err error) {
	for k := 1; k < len(arg); k++ {
		name, ok := letters[arg[k]]
		if !ok {
			return 0, q.unknown("-" + arg[k:k+1])
		}
		f := known[name]
		switch {
		case !f.with:
			f.call(q, "")
		case k+1 < len(arg):
			f.call(q, arg[k+1:])
			return 0, nil
		case len(rest) == 0:
			return 0, q.errorf("curl's -%c needs a value", arg[k])
		default:
			f.call(q, rest[0])
			return 1, nil
		}
	}
	return 0, nil
}

func (f flag) call(q *curl, value string) {
	if f.do != nil {
		f.do(q, value)
	}
}

func (q *curl) unknown(name string) *Error {
	return q.errorf("curl's %s is not known here", name).withHint("leave it out, if the request is the same without it")
}

// curlFlags are the flags by their long names. Those that say nothing of the
// request, but how it is sent and where the answer goes, do nothing.
func curlFlags() map[string]flag {
	data := func(kind string) flag {
		return flag{true, func(q *curl, v string) { q.data = append(q.data, datum{kind, v}) }}
	}
	form := func(literal bool) flag {
		return flag{true, func(q *curl, v string) { q.form = append(q.form, formPart{v, literal}) }}
	}
	known := map[string]flag{
		"request":        {true, func(q *curl, v string) { q.method = v }},
		"url":            {true, func(q *curl, v string) { q.urls = append(q.urls, v) }},
		"url-query":      {true, func(q *curl, v string) { q.query = append(q.query, queryDatum(v)) }},
		"request-target": {true, func(q *curl, v string) { q.target = v }},
		"header":         {true, func(q *curl, v string) { q.headers = append(q.headers, v) }},
		"data":           data("data"), "data-ascii": data("data"), "data-raw": data("raw"),
		"data-binary": data("binary"), "data-urlencode": data("urlencode"),
		"json": {true, func(q *curl, v string) { q.data, q.json = append(q.data, datum{"json", v}), true }},
		"form": form(false), "form-string": form(true),
		"upload-file":   {true, func(q *curl, v string) { q.upload = v }},
		"user":          {true, func(q *curl, v string) { q.user = v }},
		"oauth2-bearer": {true, func(q *curl, v string) { q.bearer = v }},
		"cookie":        {true, func(q *curl, v string) { q.cookies = append(q.cookies, v) }},
		"user-agent":    {true, func(q *curl, v string) { q.agent = v }},
		"referer":       {true, func(q *curl, v string) { q.referer, _, _ = strings.Cut(v, ";auto") }},
		"range":         {true, func(q *curl, v string) { q.byteRange = v }},
		"get":           {do: func(q *curl, _ string) { q.get = true }},
		"head":          {do: func(q *curl, _ string) { q.head = true }},
		"compressed":    {do: func(q *curl, _ string) { q.packed = true }},
		"path-as-is":    {do: func(q *curl, _ string) { q.asIs = true }},
		"globoff":       {do: func(q *curl, _ string) { q.literal = true }},
		"http1.0":       {do: func(q *curl, _ string) { q.old = true }},
	}
	for _, name := range strings.Fields(`silent show-error verbose include location fail fail-with-body fail-early insecure
		progress-bar progress-meter no-buffer buffer http1.1 http2 http2-prior-knowledge http3 remote-name remote-header-name
		remote-time create-dirs ipv4 ipv6 tlsv1 tlsv1.2 tlsv1.3 tcp-nodelay tcp-fastopen keepalive basic anyauth
		disable location-trusted post301 post302 post303 raw ssl-reqd styled-output parallel`) {
		known[name] = flag{}
	}
	for _, name := range strings.Fields(`output write-out max-time connect-timeout retry retry-delay retry-max-time max-redirs
		resolve connect-to proxy noproxy proxy-user cacert capath cert key cert-type key-type pass ciphers tls13-ciphers
		cookie-jar dump-header stderr trace trace-ascii interface unix-socket limit-rate speed-limit speed-time
		keepalive-time expect100-timeout output-dir dns-servers tls-max parallel-max`) {
		known[name] = flag{with: true}
	}
	return known
}

// curlLetters are the short names.
func curlLetters() map[byte]string {
	letters := map[byte]string{}
	for _, pair := range strings.Fields(`X:request H:header d:data F:form T:upload-file u:user b:cookie A:user-agent e:referer
		r:range G:get I:head g:globoff 0:http1.0 s:silent S:show-error v:verbose i:include L:location f:fail k:insecure
		#:progress-bar N:no-buffer O:remote-name J:remote-header-name R:remote-time 4:ipv4 6:ipv6 1:tlsv1 q:disable Z:parallel
		o:output w:write-out m:max-time x:proxy U:proxy-user E:cert c:cookie-jar D:dump-header`) {
		letters[pair[0]] = pair[2:]
	}
	return letters
}

// queryDatum is a --url-query: as --data-urlencode, or as it is behind a "+".
func queryDatum(v string) datum {
	if rest, ok := strings.CutPrefix(v, "+"); ok {
		return datum{"raw", rest}
	}
	return datum{"urlencode", v}
}

// cookieFile is the first -b that names a file, not cookies.
func (q *curl) cookieFile() (string, bool) {
	i := slices.IndexFunc(q.cookies, func(c string) bool { return !strings.Contains(c, "=") })
	if i < 0 || q.cookies[i] == "" {
		return "", false
	}
	return q.cookies[i], true
}
