package capture

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// An exchange as JSON loses nothing: what is no UTF-8, and so cannot be a
// string of JSON, is {"base64": "…"} in its place.

// anyText is a string of whatever bytes.
type anyText string

type encoded struct {
	Base64 *string `json:"base64"`
}

// MarshalJSON writes a string, or what stands for it.
func (t anyText) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return marshal(string(t))
	}
	b := base64.StdEncoding.EncodeToString([]byte(t))
	return marshal(encoded{&b})
}

// UnmarshalJSON reads either.
func (t *anyText) UnmarshalJSON(data []byte) error {
	if !bytes.HasPrefix(data, []byte("{")) {
		return json.Unmarshal(data, (*string)(t))
	}
	var e encoded
	if err := json.Unmarshal(data, &e); err != nil {
		return err
	}
	if e.Base64 == nil {
		return errors.New(`neither a string nor {"base64": …}`)
	}
	b, err := base64.StdEncoding.DecodeString(*e.Base64)
	*t = anyText(b)
	return err
}

// marshal leaves <, > and & as they are: this is read by people, too.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func anyTexts(list []string) []anyText {
	out := make([]anyText, len(list))
	for i, s := range list {
		out[i] = anyText(s)
	}
	return out
}

func byteStrings(list []anyText) []string {
	if list == nil {
		return nil
	}
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = string(t)
	}
	return out
}

// streamJSON is a Stream: its beginning as text, or as base64 where it is no
// UTF-8.
type streamJSON struct {
	Size      *int64  `json:"size"`
	Read      *int64  `json:"read,omitempty"`
	Text      *string `json:"text,omitempty"`
	Base64    *string `json:"base64,omitempty"`
	Truncated bool    `json:"truncated,omitempty"`
}

// MarshalJSON writes what is kept of the stream, and whether that is all.
func (s Stream) MarshalJSON() ([]byte, error) {
	j := streamJSON{Size: &s.Size, Truncated: !s.Whole()}
	if s.Read >= 0 {
		j.Read = &s.Read
	}
	head := s.Head
	if j.Truncated {
		head = withoutCutRune(head)
	}
	if text := string(head); utf8.ValidString(text) {
		j.Text = &text
	} else {
		b := base64.StdEncoding.EncodeToString(s.Head)
		j.Base64 = &b
	}
	return marshal(j)
}

// withoutCutRune is p without the beginning of a character that its end cuts.
func withoutCutRune(p []byte) []byte {
	for i := len(p) - 1; i >= 0 && i > len(p)-utf8.UTFMax; i-- {
		if utf8.RuneStart(p[i]) {
			if !utf8.FullRune(p[i:]) {
				return p[:i]
			}
			break
		}
	}
	return p
}

// UnmarshalJSON reads what MarshalJSON has written. Without a size there is no
// more than what is given.
func (s *Stream) UnmarshalJSON(data []byte) error {
	var j streamJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*s = Stream{Read: -1}
	switch {
	case j.Text != nil && j.Base64 != nil:
		return errors.New("a stream has text or base64, not both")
	case j.Text != nil:
		s.Head = []byte(*j.Text)
	case j.Base64 != nil:
		head, err := base64.StdEncoding.DecodeString(*j.Base64)
		if err != nil {
			return err
		}
		s.Head = head
	}
	s.Size = int64(len(s.Head))
	if j.Size != nil {
		s.Size = *j.Size
	}
	if s.Size < int64(len(s.Head)) {
		return fmt.Errorf("a stream of %d bytes cannot begin with %d", s.Size, len(s.Head))
	}
	if j.Read != nil {
		s.Read = *j.Read
	}
	return nil
}

type fieldJSON struct {
	Name  anyText `json:"name"`
	Value anyText `json:"value"`
}

// MarshalJSON keeps bytes that are no UTF-8.
func (f Field) MarshalJSON() ([]byte, error) {
	return marshal(fieldJSON{anyText(f.Name), anyText(f.Value)})
}

// UnmarshalJSON reads what MarshalJSON has written.
func (f *Field) UnmarshalJSON(data []byte) error {
	var j fieldJSON
	err := json.Unmarshal(data, &j)
	f.Name, f.Value = string(j.Name), string(j.Value)
	return err
}

type linesJSON struct {
	Last    []anyText `json:"last"`
	Dropped int       `json:"dropped"`
}

// MarshalJSON keeps bytes that are no UTF-8.
func (l Lines) MarshalJSON() ([]byte, error) {
	return marshal(linesJSON{anyTexts(l.Last), l.Dropped})
}

// UnmarshalJSON reads what MarshalJSON has written.
func (l *Lines) UnmarshalJSON(data []byte) error {
	var j linesJSON
	err := json.Unmarshal(data, &j)
	l.Last, l.Dropped = byteStrings(j.Last), j.Dropped
	return err
}

// bareRequest is Request without its methods; the fields that may hold any
// bytes are written over by those of requestJSON.
type bareRequest Request

type requestJSON struct {
	Method anyText `json:"method"`
	Target anyText `json:"target"`
	Host   anyText `json:"host"`
	*bareRequest
}

// MarshalJSON keeps bytes that are no UTF-8.
func (r Request) MarshalJSON() ([]byte, error) {
	b := bareRequest(r)
	return marshal(requestJSON{anyText(r.Method), anyText(r.Target), anyText(r.Host), &b})
}

// UnmarshalJSON reads what MarshalJSON has written.
func (r *Request) UnmarshalJSON(data []byte) error {
	j := requestJSON{bareRequest: new(bareRequest)}
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*r = Request(*j.bareRequest)
	r.Method, r.Target, r.Host = string(j.Method), string(j.Target), string(j.Host)
	return nil
}

type bareProgram Program

type programJSON struct {
	Path anyText   `json:"path"`
	Argv []anyText `json:"argv"`
	Env  []anyText `json:"env"`
	Dir  anyText   `json:"dir"`
	File anyText   `json:"file,omitempty"`
	*bareProgram
}

// MarshalJSON keeps bytes that are no UTF-8.
func (p Program) MarshalJSON() ([]byte, error) {
	b := bareProgram(p)
	return marshal(programJSON{anyText(p.Path), anyTexts(p.Argv), anyTexts(p.Env), anyText(p.Dir), anyText(p.File), &b})
}

// UnmarshalJSON reads what MarshalJSON has written.
func (p *Program) UnmarshalJSON(data []byte) error {
	j := programJSON{bareProgram: new(bareProgram)}
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*p = Program(*j.bareProgram)
	p.Path, p.Argv, p.Env, p.Dir, p.File = string(j.Path), byteStrings(j.Argv), byteStrings(j.Env), string(j.Dir), string(j.File)
	return nil
}
