#!/usr/bin/env perl
# hello.pl: says hello and sends back what it is sent. Core Perl, no modules.
# By hand, without a server:  QUERY_STRING=name=Ada ./hello.pl
use strict;
use warnings;

binmode STDIN;     # bytes in, bytes out: no encoding, no line endings
binmode STDOUT;

# RFC 3875 §4.1: the request comes as environment variables. The defaults are
# for a run by hand only.
my $method = $ENV{REQUEST_METHOD} || 'GET';
my $query  = $ENV{QUERY_STRING} // '';
my $script = $ENV{SCRIPT_NAME}  // '';    # §4.1.13
my $path   = $ENV{PATH_INFO}    // '';    # §4.1.5

# §6.3.3: a Status line, when it is not 200. §6.2: header lines, an empty line, the body.
if ($method !~ /\A(?:GET|HEAD|POST|PUT)\z/) {
    print "Status: 405 Method Not Allowed\nAllow: GET, HEAD, POST, PUT\n",
        "Content-Type: text/plain; charset=utf-8\n\nonly GET, HEAD, POST and PUT\n";
    exit;
}
print "Content-Type: text/plain; charset=utf-8\n\n";    # §6.3.1
exit if $method eq 'HEAD';                              # §4.3.3: a HEAD has no body

# §4.1.7: the query arrives still encoded. "+" is a space, "%41" is the byte
# 0x41, and a "%" without two hex digits is only a "%".
my ($name) = "&$query" =~ /&name=([^&]*)/;
$name = 'world' unless defined $name && length $name;
$name =~ tr/+/ /;
$name =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;

print "hello, $name\nmethod: $method\nscript: $script\npath: $path\nquery: $query\n";

# §4.2: CONTENT_LENGTH bytes wait on stdin, never read further.
if ($method eq 'POST' || $method eq 'PUT') {
    my $left = $ENV{CONTENT_LENGTH} // '';
    $left = 0 unless $left =~ /\A[0-9]+\z/;
    print "body: $left bytes\n";
    while ($left > 0) {
        my $got = read STDIN, my $chunk, $left < 65536 ? $left : 65536;
        last unless $got;    # 0 at the end, undef at an error
        print $chunk;
        $left -= $got;
    }
}
