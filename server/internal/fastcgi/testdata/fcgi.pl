use strict;
use warnings;
use FCGI;
use IO::Handle;

my %env;
my ($in, $out, $err) = (IO::Handle->new, IO::Handle->new, IO::Handle->new);
my $request = FCGI::Request($in, $out, $err, \%env);
while ($request->Accept() >= 0) {
    my $do = $env{QUERY_STRING} // '';
    print $out "Content-Type: text/plain\r\n\r\n";
    if ($do eq 'env') {
        print $out "$_=$env{$_}\n" for sort keys %env;
    } elsif ($do eq 'echo') {
        my $buf;
        while (read($in, $buf, 32768)) { print $out $buf }
    } elsif ($do =~ /^fill=(\d+)$/) {
        print $out 'x' x 1000 for 1 .. $1 / 1000;
    } elsif ($do eq 'stderr') {
        print $err "a warning\n";
        print $out "and an answer";
    } elsif ($do eq 'die') {
        print $out 'half';
        $out->flush();
        $request->Flush();
        kill 9, $$;
    }
    $request->Finish();
}
