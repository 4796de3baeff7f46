# A child at rest: `perl resting.pl events=FILE`. Ignores other arguments. Becomes ready as puma does, which responds on PORT, or as
# sidekiq does, which touches its ready file. Then it waits without using CPU. TERM kills it.
use strict;
use IO::Socket::INET;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my ($file) = map { /^events=(.*)$/ } @ARGV;
open my $events, '>>', $file or die "$file: $!";
syswrite $events, sprintf "up %d %.3f\n", $$, clock_gettime(CLOCK_MONOTONIC) * 1000;

my $ready = $ENV{MASTODON_SIDEKIQ_READY_FILENAME};
if ($ready) { utime undef, undef, "tmp/$ready" }
my $server = $ready ? undef : IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ENV{PORT}, Listen => 9);
while ($server && (my $client = $server->accept)) {
  sysread $client, my $request, 4096;
  syswrite $client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK";
}
sleep 1000 while 1;
