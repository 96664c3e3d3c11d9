# A FastCGI worker that does what its requests' QUERY_STRING says. It speaks
# the protocol by hand, so that it can speak it badly.
use strict;
use warnings;
use Socket;

open(my $listener, '+<&=', 0) or die "descriptor 0: $!";
$| = 1;
while (accept(my $conn, $listener)) {
    my $served = 0;
    while (my ($id, $do, $body) = request($conn)) {
        $served++;
        if ($do eq 'pid') {
            answer($conn, $id, "$$ $served");
        } elsif ($do eq 'echo') {
            answer($conn, $id, $body);
        } elsif ($do eq 'fail') {
            put($conn, $id, 6, 'failed');
            put($conn, $id, 3, pack('NC4', 3, 0, 0, 0, 0));
        } elsif ($do eq 'close') {    # well, and then closes what was to be kept
            answer($conn, $id, "$$ $served");
            last;
        } elsif ($do eq 'exit') {     # likewise, and ends
            answer($conn, $id, "$$ $served");
            exit 0;
        } elsif ($do eq 'nothing') {
            last;
        } elsif ($do eq 'half') {
            put($conn, $id, 6, 'half');
            kill 9, $$;
        } elsif ($do eq 'die') {
            kill 9, $$;
        } elsif ($do eq 'garbage') {
            syswrite($conn, "HTTP/1.1 200 OK\r\n\r\n");
        } elsif ($do eq 'other') {
            answer($conn, $id + 7, 'not yours');
        } elsif ($do eq 'hang') {
            sleep 1 while 1;
        } elsif ($do eq 'early') {    # answers, and never reads the rest
            answer($conn, $id, 'early');
        } elsif ($do eq 'stderr') {
            print STDERR "on descriptor 2\n";
            put($conn, $id, 7, "in a record\n");
            answer($conn, $id, 'ok');
        }
    }
    close $conn;
}

# request reads a whole request, or as far as its params for "early".
sub request {
    my ($conn) = @_;
    my ($params, $body) = ('', '');
    while (1) {
        my $head = take($conn, 8) // return;
        my ($version, $type, $id, $length, $padding) = unpack('CCnnC', $head);
        my $content = take($conn, $length) // return;
        take($conn, $padding) // return;
        if ($type == 4) {
            $params .= $content;
            return ($id, 'early', '') if $length == 0 && $params =~ /QUERY_STRINGearly/;
        } elsif ($type == 5) {
            $body .= $content;
            return ($id, $params =~ /QUERY_STRING([a-z]+)/ ? $1 : '', $body) if $length == 0;
        }
    }
}

sub take {
    my ($conn, $n) = @_;
    my $data = '';
    while (length $data < $n) {
        sysread($conn, $data, $n - length $data, length $data) or return;
    }
    return $data;
}

sub put {
    my ($conn, $id, $type, $content) = @_;
    syswrite($conn, pack('CCnnCC', 1, $type, $id, length $content, 0, 0) . $content);
}

sub answer {
    my ($conn, $id, $text) = @_;
    put($conn, $id, 6, substr($text, 0, 60000, '')) while length $text;
    put($conn, $id, 6, '');
    put($conn, $id, 3, pack('NC4', 0, 0, 0, 0, 0));
}
