# A child of the runs: `perl child.pl ledger=FILE [key=value…]`; what it does not know it ignores, as what we add for sidekiq.
# Writes lines `WHAT PID MS` to the ledger, on the monotonic clock, which all processes share: up, term, end.
#   drain=MS    how long it needs after TERM; drain=ever does not end
#   status=N    its exit status after TERM
#   exit=CODE, kill=SIGNAL    ends by itself when the file LEDGER.end comes
#   chatter=1   writes lines until TERM, as fast as they are taken
#   daemon=1    leaves behind a process that has left its session and its parent; helper=1 one that has left its session;
#               each ends on TERM and says in the ledger that it is there
# INT is the same to it as TERM, as it is to puma and sidekiq.
# In Perl, which every Debian has, because it starts and hears a signal ten times as soon as Node does.
use strict;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);

my %option = map { /^(\w+)=(.*)$/ ? ($1 => $2) : () } @ARGV;
open my $ledger, '>>', $option{ledger} or die "$option{ledger}: $!";
sub note { syswrite $ledger, sprintf "%s %d %.3f\n", $_[0], $$, clock_gettime(CLOCK_MONOTONIC) * 1000 }

my $is_asked = 0;
$SIG{TERM} = $SIG{INT} = sub { note('term'); $is_asked = 1 };
leave('daemon') if $option{daemon};
leave('helper') if $option{helper};
note('up');
if (defined $option{exit} || $option{kill}) {
  sleep 0.005 until -e "$option{ledger}.end" || $is_asked;
  note('end');
  kill $option{kill}, $$ if $option{kill};
  exit $option{exit} // 0;
}
while ($option{chatter} && !$is_asked) { syswrite STDOUT, 'x' x 99 . "\n" }
sleep 0.5 until $is_asked; # A signal right before a long sleep would be heard only after it.
if (($option{drain} // 0) eq 'ever') { sleep 1000 while 1 }
my $until = clock_gettime(CLOCK_MONOTONIC) + ($option{drain} // 0) / 1000;
while ((my $left = $until - clock_gettime(CLOCK_MONOTONIC)) > 0) { sleep $left }
note('end');
exit($option{status} // 0);

sub leave {
  return if fork;
  require POSIX;
  POSIX::setsid();
  exit if $_[0] eq 'daemon' && fork;
  $SIG{TERM} = $SIG{INT} = 'DEFAULT';
  note($_[0]);
  sleep 1000 while 1;
}
