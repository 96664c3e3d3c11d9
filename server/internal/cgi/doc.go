// Package cgi is RFC 3875 (CGI/1.1) as pure functions: the request target and
// its split into SCRIPT_NAME and PATH_INFO, the meta-variables, and the
// response header. It starts no process, reads no clock and writes no log.
package cgi
