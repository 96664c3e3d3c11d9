#!/usr/bin/env perl
# A warm frame: SCGI on descriptor 0, one request after the other.
use strict;
use warnings;
use Socket;

local $SIG{PIPE} = 'IGNORE';    # nobody may wait any more
for (my $asked = 1 ; accept(my $connection, *STDIN) ; $asked++) {
    local $/ = ':';                          # the environ is a netstring: LENGTH ":" (NAME NUL VALUE NUL)* ","
    my ($size) = (<$connection> // '') =~ /^(\d+):$/ or next;
    read($connection, my $block, $size + 1);
    my @texts = split /\0/, $block;          # and the comma, at the end
    pop @texts;
    my %environ = @texts;
    read($connection, my $body, $environ{CONTENT_LENGTH});
    printf {$connection} "Content-Type: text/plain; charset=utf-8\n\nhello, %s\nasked: %d\nbody: %d bytes\n",
        $environ{PATH_INFO}, $asked, length $body;
    close $connection;
}
die "accept: $!\n";
