# A child that logs: `perl writer.pl ledger=FILE lines=N ms=MS`. Each line is one write of 100 bytes and says whose it is, and
# which. Writes its share (N lines, or what is taken in MS) when the file LEDGER.fast comes, another when LEDGER.stalled
# comes, and 200 lines more on TERM. In the ledger: `fast PID MS LINES` and so on when the lines so far have been taken.
use strict;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);

my %option = map { /^(\w+)=(.*)$/ ? ($1 => $2) : () } @ARGV;
open my $ledger, '>>', $option{ledger} or die "$option{ledger}: $!";
my ($is_asked, $number) = (0, 0);
sub now { clock_gettime(CLOCK_MONOTONIC) * 1000 }
sub note { syswrite $ledger, sprintf "%s %d %.3f %d\n", $_[0], $$, now(), $number }

sub say_one {
  my $line = sprintf 'LINE %d %d ', $$, ++$number;
  $line .= 'x' x (99 - length $line) . "\n";
  while (length $line) {
    my $taken = syswrite STDOUT, $line;
    substr($line, 0, $taken) = '' if defined $taken;
    exit 1 if !defined $taken && !$!{EINTR} && !$!{EAGAIN};
  }
}

sub share {
  my ($name) = @_;
  sleep 0.005 until -e "$option{ledger}.$name" || $is_asked;
  my ($last, $until) = ($number + $option{lines}, now() + $option{ms});
  say_one() while !$is_asked && $number < $last && now() < $until;
  note($name);
}

$SIG{TERM} = $SIG{INT} = sub { $is_asked = 1 };
note('up');
share('fast');
share('stalled');
sleep 0.05 until $is_asked;
say_one() for 1 .. 200;
note('end');
