# A child at rest: `perl resting.pl ledger=FILE`; what it does not know it ignores. It is ready as puma is, which answers on PORT, or
# as sidekiq is, which touches its file; then it waits, and costs nothing. TERM ends it.
use strict;
use IO::Socket::INET;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my ($file) = map { /^ledger=(.*)$/ } @ARGV;
open my $ledger, '>>', $file or die "$file: $!";
syswrite $ledger, sprintf "up %d %.3f\n", $$, clock_gettime(CLOCK_MONOTONIC) * 1000;

my $ready = $ENV{MASTODON_SIDEKIQ_READY_FILENAME};
if ($ready) { utime undef, undef, "tmp/$ready" }
my $server = $ready ? undef : IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ENV{PORT}, Listen => 9);
while ($server && (my $client = $server->accept)) {
  sysread $client, my $request, 4096;
  syswrite $client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK";
}
sleep 1000 while 1;
