# A child that logs: `perl writer.pl events=FILE lines=N ms=MS`. Each line is one write of 100 bytes with its pid and number.
# Writes its share (N lines, or as many as are read in MS) once FILE.fast exists, another share once FILE.stalled exists, and 200
# lines more on TERM. Records `fast PID MS LINES` and so on in FILE once the lines so far are written.
use strict;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);

my %option = map { /^(\w+)=(.*)$/ ? ($1 => $2) : () } @ARGV;
open my $events, '>>', $option{events} or die "$option{events}: $!";
my ($is_terminating, $number) = (0, 0);
sub now { clock_gettime(CLOCK_MONOTONIC) * 1000 }
sub record { syswrite $events, sprintf "%s %d %.3f %d\n", $_[0], $$, now(), $number }

sub write_line {
  my $line = sprintf 'LINE %d %d ', $$, ++$number;
  $line .= 'x' x (99 - length $line) . "\n";
  while (length $line) {
    my $written = syswrite STDOUT, $line;
    substr($line, 0, $written) = '' if defined $written;
    exit 1 if !defined $written && !$!{EINTR} && !$!{EAGAIN};
  }
}

sub write_share {
  my ($name) = @_;
  sleep 0.005 until -e "$option{events}.$name" || $is_terminating;
  my ($last, $until) = ($number + $option{lines}, now() + $option{ms});
  write_line() while !$is_terminating && $number < $last && now() < $until;
  record($name);
}

$SIG{TERM} = $SIG{INT} = sub { $is_terminating = 1 };
record('up');
write_share('fast');
write_share('stalled');
sleep 0.05 until $is_terminating;
write_line() for 1 .. 200;
record('end');
