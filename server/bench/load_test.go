package main

import (
	"strings"
	"testing"
)

const wrkOutput = `Running 2s test @ http://127.0.0.1:7890/cgi-bin/hello
  2 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.97ms    1.42ms  21.04ms   86.62%
    Req/Sec     1.38k   108.55     1.58k    70.00%
  Latency Distribution
     50%    2.61ms
     75%  900.00us
     90%    4.55ms
     99%    1.02s 
  5489 requests in 2.00s, 1.02MB read
Requests/sec:   2741.20
Transfer/sec:    522.05KB
`

func TestParseWrk(t *testing.T) {
	for _, tt := range []struct {
		name, out string
		want      sample
		err       string
	}{
		{"plain", wrkOutput, sample{Rate: 2741.20, Requests: 5489, P50: 2.61, P99: 1020}, ""},
		{"microseconds", strings.Replace(wrkOutput, "2.61ms", "87.00us", 1), sample{Rate: 2741.20, Requests: 5489, P50: 0.087, P99: 1020}, ""},
		{"minutes", strings.Replace(wrkOutput, "1.02s ", "1.10m", 1), sample{Rate: 2741.20, Requests: 5489, P50: 2.61, P99: 66000}, ""},
		{"broken", wrkOutput + "  Socket errors: connect 1, read 20, write 3, timeout 4\n", sample{Rate: 2741.20, Requests: 5489, P50: 2.61, P99: 1020, Broken: 28}, ""},
		{"refused", wrkOutput + "  Non-2xx or 3xx responses: 17\n", sample{}, "wrk: Non-2xx or 3xx responses: 17"},
		{"nothing", "unable to connect to 127.0.0.1:7890 Connection refused\n", sample{}, "wrk printed no rate: unable to connect to 127.0.0.1:7890 Connection refused\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseWrk([]byte(tt.out))
			if text(err) != tt.err {
				t.Fatalf("got error %q; want %q", text(err), tt.err)
			}
			if tt.err == "" && got != tt.want {
				t.Errorf("got %+v; want %+v", got, tt.want)
			}
		})
	}
}

const h2Output = `finished in 2.00s, 60123.50 req/s, 63.10MB/s
requests: 120247 total, 120375 started, 120247 done, 120240 succeeded, 4 failed, 3 errored, 0 timeout
status codes: 120247 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 126.20MB (132331234) total, 1.15MB (1202470) headers (space savings 95.00%), 117.43MB (123132928) data
`

func TestParseH2(t *testing.T) {
	for _, tt := range []struct {
		name, out string
		want      sample
		err       string
	}{
		{"plain", h2Output, sample{Rate: 60123.5, Requests: 120240, Broken: 7}, ""},
		{"refused", strings.Replace(h2Output, "0 5xx", "2 5xx", 1), sample{}, "h2load: status codes: 120247 2xx, 0 3xx, 0 4xx, 2 5xx"},
		{"nothing", "could not connect\n", sample{}, "h2load printed no rate: could not connect\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseH2([]byte(tt.out))
			if text(err) != tt.err {
				t.Fatalf("got error %q; want %q", text(err), tt.err)
			}
			if tt.err == "" && got != tt.want {
				t.Errorf("got %+v; want %+v", got, tt.want)
			}
		})
	}
}

func TestSampleCheck(t *testing.T) {
	for _, tt := range []struct {
		name, who string
		broken    int
		err       string
	}{
		{"none", nginx, 0, ""},
		{"a-hundredth", nginx, 10, ""},
		{"more", nginx, 11, "11 of 1000 requests failed"},
		{"ours-too", us, 1000, "1000 of 1000 requests failed"},
		{"busybox-resets", busybox, 1000, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := sample{Requests: 1000, Broken: tt.broken}
			if got := text(s.check(tt.who)); got != tt.err {
				t.Errorf("got %q; want %q", got, tt.err)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
