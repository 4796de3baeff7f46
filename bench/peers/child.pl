# A child of a benchmark run: `perl child.pl events=FILE [key=value…]`. Ignores other arguments, such as those for sidekiq.
# Appends lines `TYPE PID MS` to FILE, on the monotonic clock, which all processes share: up, term, end.
#   drain=MS    how long it runs after TERM; drain=ever never exits
#   status=N    its exit status after TERM
#   exit=CODE, kill=SIGNAL    exits by itself, or kills itself, once the file FILE.end exists
#   chatter=1   writes lines until TERM, as fast as they are read
#   daemon=1    starts a process that leaves its session and its parent; helper=1 one that leaves its session only.
#               Each records that it runs, and exits on TERM
# INT is handled as TERM, as puma and sidekiq do.
# Perl, because every Debian has it, and because it starts and handles a signal ten times faster than Node.
use strict;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);

my %option = map { /^(\w+)=(.*)$/ ? ($1 => $2) : () } @ARGV;
open my $events, '>>', $option{events} or die "$option{events}: $!";
sub record { syswrite $events, sprintf "%s %d %.3f\n", $_[0], $$, clock_gettime(CLOCK_MONOTONIC) * 1000 }

my $is_terminating = 0;
$SIG{TERM} = $SIG{INT} = sub { record('term'); $is_terminating = 1 };
start_background('daemon') if $option{daemon};
start_background('helper') if $option{helper};
record('up');
if (defined $option{exit} || $option{kill}) {
  sleep 0.005 until -e "$option{events}.end" || $is_terminating;
  record('end');
  kill $option{kill}, $$ if $option{kill};
  exit $option{exit} // 0;
}
while ($option{chatter} && !$is_terminating) { syswrite STDOUT, 'x' x 99 . "\n" }
sleep 0.5 until $is_terminating; # A signal just before a long sleep would be handled only after it.
if (($option{drain} // 0) eq 'ever') { sleep 1000 while 1 }
my $until = clock_gettime(CLOCK_MONOTONIC) + ($option{drain} // 0) / 1000;
while ((my $left = $until - clock_gettime(CLOCK_MONOTONIC)) > 0) { sleep $left }
record('end');
exit($option{status} // 0);

sub start_background {
  return if fork;
  require POSIX;
  POSIX::setsid();
  exit if $_[0] eq 'daemon' && fork;
  $SIG{TERM} = $SIG{INT} = 'DEFAULT';
  record($_[0]);
  sleep 1000 while 1;
}
