import { expect, test } from 'vitest';
import { check } from './checker.ts';
import { parseLog, type ChildEvent, type History, type RealHistory } from './history.ts';
import { checkReal } from './real-checker.ts';
import type { RealScenario } from './real-scenario.ts';
import type { Behavior, Scenario } from './scenario.ts';

/** Each row is a run: its name | the scenario | how its history differs from a clean stop | the violations, if any. In the clean stop, puma
 * and sidekiq start at 1300 and are ready at 1310; TERM comes at 7000, reaches them at 7005, and they exit at 7060; the dyno ends at 7100.
 * Changes of the history are separated by `;`. A time is in milliseconds, with a sign counted from the stop. Events: `PROCESS TIME EVENT`;
 * `-PROCESS EVENT...` removes them. Faults: `! TIME TYPE [SIGNAL] [TARGET] [#PID]`. Of the last line of the log, `outcome` is the cause,
 * `killed` what had to be killed, `code` and `says` the exit code in its field and in its words. */
const started = 'sidekiq#30 1300 waits-for 20';
const unasked = '-puma TERM drained; -sidekiq TERM drained';
const sidekiqKilled = '-sidekiq drained; end 137; ends +1600; killed sidekiq';
const supervisorKilled = 'no stop; ! +0 kill supervisor; end SIGKILL; no outcome';
const silentSidekiq = '-sidekiq TERM drained';
const streamingRuns = 'streaming 6000 start; streaming 6010 ready';
const streamingKilled = 'end 137; ends +1600; killed streaming';
const signaledEnds = `no stop; ! 5000 signal SIGTERM sidekiq #20; ${unasked}; sidekiq 5001 TERM; sidekiq 5061 drained 0; puma 5065 TERM; puma 5125 drained 0; end 1; ends 5160; outcome sidekiq exited with code 0`;
const atBoot = 'no stop; end SIGTERM; -puma; -sidekiq; no outcome; no request';
const misconfigured = 'no stop; end 127; -puma; -sidekiq; outcome puma not found';
const daemon = 'sidekiq.daemon 2000 start';
const daemonKilled = '-sidekiq drained; end 137; ends +1600; killed ruby (pid 40)';
const helperKilled = '-sidekiq drained; end 137; ends +1600; killed perl (pid 77)';
const unread =
  '-sidekiq drained; no stop; ! +0 stop SIGINT supervisor; ! +600 stop SIGINT supervisor; end 137; ends +2900; reader stalled';
const half = 'puma 1320 half; puma 1400 rest';
const pumaFails = `no stop; ${unasked}; puma 1600 grow; puma 2000 crash SIGKILL; puma#30 3500 start; puma#30 3510 ready; puma#30 3800 grow; puma#30 4000 crash SIGKILL; sidekiq 4010 TERM; sidekiq 4070 drained 0; end 137; ends 4100; outcome puma was killed by SIGKILL`;
const flooding = 'hasPrefix puma.lines=5';
const ignoring = 'sidekiq.onTerm=ignore';
const onDemand = 'streaming=on-demand';
const stubborn = `${onDemand} streaming.onTerm=ignore`;
const helper = 'memory=act sidekiq.grows=helper';

const VIOLATIONS = `
another exit code, a process, a file and a warning of Node | | end 3; left 7; file tmp/x.ready; warning leaks | ^leaks$ & ^exit code 3, expected 0$ & ^process 7 was left: ruby$ & ^tmp/x.ready was left$
137 though nothing was killed | | end 137 | ^exit code 137, expected 0$
no cause | | no stop | ^the dyno ended without a known cause$
longer than the stop timeout | | ends +3100 | ^3100 ms from the cause to the end, 3061 allowed$
a daemon that starts after the end | sidekiq.daemon=follow | sidekiq.daemon +120 start | ^process 40 was left: daemon of sidekiq$
no outcome | | no outcome | ^the last line is no outcome
no outcome on a late machine | | no outcome; lag 400 | ^the last line is no outcome
no outcome after many lines | | no outcome; unread; lag 300 | ^the last line is no outcome
memory as the cause | | outcome memory | ^the last line tells another cause
another signal as the cause | | outcome SIGINT | ^the last line tells another cause
another exit code in the message | | says 1 | ^the last line tells another exit code than 0
a kill that did not happen | | killed puma | ^puma was not killed, and the last line
a kill that is not told | ${ignoring} | ${sidekiqKilled}; no killed | ^sidekiq was killed, and the last line
an exit that a TERM before a second INT makes a stop | | ${signaledEnds}; ends 5820; outcome SIGTERM; ! 5200 stop SIGINT supervisor; ! 5290 stop SIGTERM supervisor; ! 5800 stop SIGINT supervisor | ^exit code 1, expected 0$
an exit that a TERM after a second INT does not make a stop | | ${signaledEnds}; ends 5920; outcome SIGTERM; ! 5150 stop SIGINT supervisor; ! 5720 stop SIGINT supervisor; ! 5790 stop SIGTERM supervisor | another cause
a TERM before the stop | | -puma TERM; puma 4000 TERM | ^puma got a TERM before the stop$
a late TERM | | -sidekiq TERM; sidekiq +170 TERM | ^leader of sidekiq got its TERM 49 ms late$
no TERM | | -sidekiq TERM | ^leader of sidekiq never got its TERM$
no TERM on a late machine | ${ignoring} | ${sidekiqKilled}; -sidekiq TERM; lag 400 | ^leader of sidekiq never got its TERM$
no TERM for a puma behind the router and a start script | memory=emergency puma.wrapper=script | -puma TERM drained; puma#30 1300 waits-for 10; end 137; ends +1600; lag 400; killed puma | ^wrapped of puma never got its TERM$
a late TERM behind a start script | sidekiq.wrapper=session | -sidekiq TERM; ${started}; sidekiq +500 TERM | ^wrapped of sidekiq got its TERM 79 ms late$
a start after the stop | sidekiqWaits | -sidekiq; sidekiq +430 start; sidekiq +431 TERM; sidekiq +491 drained 0; ends +1000 | ^sidekiq was started after the stop$
a start of streaming on demand after the stop | ${onDemand} | streaming +600 start; streaming +610 ready; streaming +620 TERM; streaming +680 drained 0; ends +1000 | ^streaming was started after the stop$
a kill of a child that would have exited | | ${sidekiqKilled} | ^leader 20 of sidekiq was killed, and would have exited in time$
such a kill before a second INT | | ${sidekiqKilled}; ! +900 stop SIGINT supervisor; ! +1500 stop SIGINT supervisor | would have exited in time$
such a kill at a copy of the first INT | | ${sidekiqKilled}; ! +10 stop SIGINT supervisor; ! +40 stop SIGINT supervisor | would have exited in time$
such a kill with the memory guard | memory=act | ${sidekiqKilled} | would have exited in time$
a second INT without effect | | ! +200 stop SIGINT supervisor; ! +800 stop SIGINT supervisor; ends +2000 | ^a second INT did not end it at once
responses that are wrong, cut, without a reason, unknown or missing | | request echo 3000 200 wrong; request echo 3000 200 cut; request echo 3000 503; request echo 3000 404; request echo 3000 timeout | ^echo got a wrong response$ & ^echo got no response & ^echo got no response & ^echo got 404$ & ^echo still waits
streaming that never starts | ${onDemand} | request stream 3000 503 | ^stream got no response
a helper that grows | ${helper} | sidekiq 1600 helper 77 | ^sidekiq grew 5500 ms before the end
growth above the emergency threshold | memory=emergency sidekiq.grows=self | sidekiq 3100 grow | ^sidekiq grew 4000 ms before the end
a TERM long after the boot without a handler | | ${atBoot}; ! 5000 stop SIGTERM supervisor; reader closed | ^exit code SIGTERM, expected 0$
an abort at boot | | ${atBoot}; ! 1100 stop SIGTERM supervisor; end SIGABRT; ends 1150; reader closed | ^exit code SIGABRT
a hang at boot | | ${atBoot}; ! 1012 stop SIGINT supervisor; ! 2400 stop SIGTERM supervisor; ends 2410; reader closed | ^exit code SIGTERM, expected 0$
a process left at boot | | ${atBoot}; ! 1100 stop SIGTERM supervisor; left 7 | ^process 7 was left
a configuration error with another code, a start and leftovers | misconfiguration=command-not-found | ${misconfigured}; end 1; code 127; puma 1300 start; left 7; file x.ready | ^exit code 1, expected 127$ & ^puma was started & ^process 7 & ^x.ready was left$
a configuration error with another last line | misconfiguration=command-not-found | ${misconfigured}; code 0 | ^the last line does not name exit code 127
an invalid setting that is not on stderr | misconfiguration=invalid-setting stdout=socket | ${misconfigured}; end 78 | ^the last line does not name exit code 78
a configuration error without a log line | misconfiguration=command-not-found | ${misconfigured}; no outcome | ^the last line does not name
a configuration error without a log line in a file, which needs no reader | misconfiguration=command-not-found stdout=file | ${misconfigured}; no outcome; reader closed | ^the last line does not name
no TERM from the kernel | | ${supervisorKilled}; ${silentSidekiq}; left 20 | ^sidekiq got no TERM from the kernel$
no TERM from the kernel to a child that is gone | | ${supervisorKilled}; ${silentSidekiq} | ^sidekiq got no TERM from the kernel$
the same before the supervisor kills its children | | ${supervisorKilled}; ${silentSidekiq}; no stop; ! +0 stop SIGTERM supervisor; ! +1200 kill supervisor; ends +1201 | ^sidekiq got no TERM from the kernel$
the same for streaming on demand | ${onDemand} | ${supervisorKilled}; ${streamingRuns} | ^streaming got no TERM from the kernel$
an exit after an injected TERM that does not end the dyno | | ${signaledEnds}; end 0 | ^exit code 0, expected 1$
a second TERM before the stop, of which one was injected | ${ignoring} | ! 3000 signal SIGTERM sidekiq #20; sidekiq 3001 TERM; sidekiq 3500 TERM | ^sidekiq got a TERM before the stop$
an injected TERM and none at the stop | ${ignoring} | ${sidekiqKilled}; ! 3000 signal SIGTERM sidekiq #20; -sidekiq TERM; sidekiq 3001 TERM | ^leader of sidekiq never got its TERM$
an injected TERM and none from the kernel | ${ignoring} | ${supervisorKilled}; ! 3000 signal SIGTERM sidekiq #20; ${silentSidekiq}; sidekiq 3001 TERM; left 20 | ^sidekiq got no TERM from the kernel$
a child left by a killed supervisor, which would drain | | ${supervisorKilled}; ! +90 signal SIGTERM sidekiq #20; -sidekiq drained; sidekiq +91 drained 0; left 20 | ^sidekiq was left by a killed supervisor$
half a line that a log line follows | hasPrefix | puma 1320 half; line puma half of a line~ | ^a line that is not one line of one child
half a line lost | hasPrefix | puma 1320 half | ^the first half of a line of puma was lost$
the rest of a line lost | hasPrefix | ${half}; line puma half of a line | ^the rest of a line of puma was lost$
half a line lost, and two of another child | hasPrefix | puma 1320 half; sidekiq 1320 half; line puma half of a line; line puma half of a line | ^the first half of a line of sidekiq was lost$
a line lost | ${flooding} | flood 5 4 2 | ^1 lines of puma are missing, and no line says so$
the first line lost | ${flooding} | flood 4 3 | ^1 lines of puma are missing
more lines lost than reported | ${flooding} | flood 5 dropped:2 1 | ^3 lines of puma are missing
a line twice | ${flooding} | flood 5 5 4 | ^a line of puma came twice$
a line in another one | ${flooding} | line puma line 5 ...~; flood 4 | ^a line that is not one line of one child
a cut line, and its child writes on | ${flooding} | line puma line 5 ...; flood 4 | ^a line of puma was cut, and it went on$
a reported kill of a child that had exited before | ${ignoring} | ${sidekiqKilled}; sidekiq +1300 crash 1; end 0 | ^sidekiq was not killed, and the last line
a reported kill of a child that exited after it | ${ignoring} | ${sidekiqKilled}; sidekiq +1700 crash 1; end 0; ends +1800 | ^sidekiq was not killed, and the last line
a daemon killed without a TERM, whose child a fault killed before | ${ignoring} | ${daemonKilled}; ${daemon}; ! +1100 kill sidekiq #20 | ^daemon 40 of sidekiq was killed without a TERM$
a daemon killed without a TERM, whose child exited before | ${ignoring} | ${daemonKilled}; ${daemon}; sidekiq +1100 crash 1 | ^daemon 40 of sidekiq was killed without a TERM$
a daemon killed without a TERM, while another child ran on | puma.onTerm=ignore | -puma drained; ${daemon}; end 137; ends +1600; killed puma and ruby (pid 40) | ^daemon 40 of sidekiq was killed without a TERM$
a kill that is not told, though its daemon exited just then | ${ignoring} | ${sidekiqKilled}; no killed; ${daemon}; sidekiq.daemon +1489 TERM; sidekiq.daemon +1490 drained 0 | ^sidekiq was killed, and the last line
a helper that grows while another child is restarted | ${helper} | sidekiq 1600 helper 77; event graceful-restart child=puma | ^sidekiq grew 5500 ms before the end
a helper that grows while another process is ended | ${helper} | sidekiq 1600 helper 77; event terminating process=perl (pid 78) | ^sidekiq grew 5500 ms before the end
a helper that grows beside a child that a fault killed | ${helper} puma.grows=helper | -puma TERM drained; no stop; ! +0 kill puma #10; sidekiq 1600 helper 77; end 137; outcome puma was killed by SIGKILL | ^sidekiq grew 5500 ms before the end
growth beside a helper that a fault killed | memory=emergency sidekiq.grows=helper puma.grows=self | ! 3000 kill helper #77; sidekiq 2900 helper 77; sidekiq 3010 helper-ended; puma 3100 grow | ^puma grew 4000 ms before the end
a child that runs on after a second INT while nothing is read | ${ignoring} | ${unread}; unread; no outcome; sidekiq +2500 rest | ^a second INT did not end it at once
a second INT without effect, and a stalled reader that has read all | ${ignoring} | ${unread}; outcome SIGINT; killed sidekiq | ^a second INT did not end it at once
a late TERM from the kernel to a child that grows | memory=emergency sidekiq.grows=self | ${supervisorKilled}; ends +4; ${silentSidekiq}; sidekiq +700 TERM | ^sidekiq got its TERM late$
a helper killed, whose child exited before | ${helper} | ${helperKilled}; sidekiq 6900 helper 77; sidekiq +200 crash SIGABRT | ^exit code 137, expected 0$
137 beside an exit some time before the deadline | ${helper} | ${helperKilled}; sidekiq +1300 crash SIGABRT | ^exit code 137, expected 0$
streaming that fails three times, the last time after it was ready | ${onDemand} | ${fallsOfStreaming(9, 9, 1200)} | ^the dyno ended without a known cause$
streaming that fails twice | ${onDemand} | ${fallsOfStreaming(9, 9)} | ^the dyno ended without a known cause$
no TERM for streaming on demand that is ready at the stop | ${onDemand} | ${streamingRuns}; streaming +60 drained 0 | ^leader of streaming never got its TERM$
a kill of streaming on demand that would have exited | ${onDemand} | ${streamingKilled}; ${streamingRuns}; streaming +5 TERM | ^leader 30 of streaming was killed, and would have exited in time$
a kill of its daemon without a TERM | ${onDemand} | ${streamingRuns}; streaming +5 TERM; streaming +60 drained 0; streaming.daemon 6010 start; end 137; ends +1600; killed ruby (pid 40) | ^daemon 40 of streaming was killed without a TERM$
a kill of streaming on demand without 137 | ${stubborn} | ${streamingKilled}; ${streamingRuns}; streaming +5 TERM; end 0 | ^exit code 0, expected 137$
0 though a fault killed a child in the stop | ${ignoring} | ! +500 kill sidekiq #20; -sidekiq drained; ends +600 | ^exit code 0, expected 137$
a kill of streaming on demand that is not told | ${stubborn} | ${streamingKilled}; ${streamingRuns}; streaming +5 TERM; no killed | ^streaming was killed, and the last line
`;

const NO_VIOLATIONS = `
a clean stop
a TERM before the supervisor's first line | | ${atBoot}; ! 1100 stop SIGTERM supervisor
streaming that fails three times before it can have been seen ready | ${onDemand} | ${fallsOfStreaming(9, 9, 9)}
a puma that fails after a restart | memory=emergency puma.grows=self | ${pumaFails}
a command that is not found | misconfiguration=command-not-found | ${misconfigured}
an invalid setting, reported on stderr | misconfiguration=invalid-setting stdout=socket | ${misconfigured}; end 78; no outcome; stderr invalid setting, exit code 78
a configuration error that is not read | misconfiguration=command-not-found | ${misconfigured}; no outcome; reader closed
a configuration error whose relay was killed | misconfiguration=command-not-found stdout=socket | ${misconfigured}; no outcome; ! 1200 kill relay #30
a killed supervisor | | ${supervisorKilled}
a killed supervisor, and work behind a start script | sidekiq.wrapper=script | ${supervisorKilled}; ${silentSidekiq}; ${started}; left 20
a child killed at the deadline, just before the supervisor was killed | | ${supervisorKilled}; ${silentSidekiq}; ! -1450 stop SIGTERM supervisor
a child killed at a second INT, just before the supervisor was killed | | ${supervisorKilled}; ${silentSidekiq}; ! -600 stop SIGINT supervisor; ! -20 stop SIGINT supervisor
a child killed by the guard, before the supervisor was killed | memory=emergency sidekiq.grows=self | ${supervisorKilled}; ${silentSidekiq}
idle streaming with an injected TERM, killed before the supervisor was | ${stubborn} | ${supervisorKilled}; ! 4000 signal SIGTERM streaming #30; streaming 3000 start; streaming 3010 ready; streaming 4000 TERM; streaming 4500 TERM
a child that ignores TERM | ${ignoring} | ${sidekiqKilled}
a start that was under way at the stop | sidekiqWaits | -sidekiq; sidekiq +350 start; sidekiq +351 TERM; sidekiq +411 drained 0; ends +1000
such a start on a late machine | sidekiqWaits | -sidekiq; sidekiq +800 start; sidekiq +801 TERM; sidekiq +861 drained 0; ends +1000; lag 150
work behind a start script | sidekiq.wrapper=script | ${started}
a helper that is ended | ${helper} | sidekiq 1600 helper 77; sidekiq 2000 helper-ended
a helper that the guard ends, and whose child does not record it | ${helper} | sidekiq 1600 helper 77; event terminating process=perl (pid 77)
a helper for which streaming on demand is stopped | ${helper} | sidekiq 1600 helper 77; event stopped-for-memory child=streaming reason=memory
two helpers, of which the guard ends one | ${helper} puma.grows=helper | sidekiq 1600 helper 77; puma 1600 helper 78; puma 3000 helper-ended
a helper that has just started to grow | ${helper} | sidekiq 6000 helper 77
a child that crashes at the deadline and is killed meanwhile | ${ignoring} | ${sidekiqKilled}; sidekiq +1495 crash 1
a daemon without the environment that starts after the end | sidekiq.daemon=bare | sidekiq.daemon +120 start
a KILL of a start script that its TERM may have ended | sidekiq.wrapper=script | ! +20 kill sidekiq #30; ${started}
a daemon killed without a TERM, whose child crashed at the deadline | ${ignoring} | ${daemonKilled}; ${daemon}; sidekiq +1495 crash 1
a daemon killed without a TERM, whose child a fault killed at the deadline | ${ignoring} | ${daemonKilled}; ${daemon}; ! +1440 kill sidekiq #20
a child that crashes at a second INT and is killed meanwhile | ${ignoring} | ${sidekiqKilled}; sidekiq +803 crash 1; ! +300 stop SIGINT supervisor; ! +800 stop SIGINT supervisor; ends +900
streaming on demand that a fault killed just before the stop | ${onDemand} | ${streamingRuns}; ! -5 kill streaming #30
streaming on demand that was stopped for idleness, and killed, before the stop | ${stubborn} | streaming 3000 start; streaming 3010 ready; streaming 5000 TERM
the same, killed during the stop | ${onDemand} streaming.onTerm=exit:9000 | ${streamingKilled}; streaming 3000 start; streaming 3010 ready; streaming 6500 TERM
streaming on demand that had only just started | ${stubborn} | streaming -20 start; streaming -10 ready
a daemon of idle streaming on demand | ${stubborn} | streaming 3000 start; streaming 3010 ready; streaming 4500 TERM; streaming.daemon 3010 start
a second INT, and last lines that are not read | ${ignoring} | ${unread}; unread; no outcome
a helper killed, whose child crashed at the deadline | ${helper} ${ignoring} | ${helperKilled}; sidekiq 6900 helper 77; sidekiq +1495 crash SIGABRT
growth of a child that cannot be seen ready | memory=emergency sidekiq.grows=self tmp=missing | sidekiq 3100 grow
a daemon that exits with the work behind a start script | sidekiq.wrapper=script sidekiq.daemon=follow ${ignoring} | -sidekiq drained; ${started}; sidekiq.daemon 1400 start; end 137; ends +1600; killed ruby (pid 20)
a fault that kills a child in the stop | ${ignoring} | ! +500 kill sidekiq #20; -sidekiq drained; end 137; ends +600
a child that is suspended as the stop begins | | ! -10 suspend sidekiq #20; -sidekiq TERM drained; end 137; ends +1600; killed sidekiq
a daemon that is killed before it records its start | sidekiq.daemon=follow | sidekiq 2000 forks; end 137; killed ruby (pid 40)
a helper of a child that is suspended and cannot record its end | ${helper} | sidekiq 1600 helper 77; ! 2000 suspend sidekiq #20; ! 5000 resume sidekiq #20
a child without handlers that an INT to all ends | | no stop; ! 1200 stop SIGINT all; -puma; -sidekiq; no request; end 130; ends 1400; outcome sidekiq was killed by SIGINT
an exit that is seen before the HUP to all that causes it | | no stop; ! +0 stop SIGHUP all; -sidekiq drained; sidekiq +10 drained 1; end 1; outcome sidekiq exited with code 1
a stop for memory | memory=emergency sidekiq.grows=self | no stop; sidekiq 3100 grow; end 75; outcome memory
a stream that the stop breaks off | ${onDemand} | request stream 6500 connection-failed
an injected TERM, at which the child exits | | ${signaledEnds}
an injected TERM so soon before the stop that both are a broadcast | | ! -100 signal SIGTERM sidekiq #20; ${unasked}; sidekiq 6901 TERM; sidekiq 6961 drained 0; puma 6962 TERM; puma 7022 drained 0
an injected TERM, and a second INT, which waits for nothing | | ${signaledEnds}; ends 5820; ! 5200 stop SIGINT supervisor; ! 5720 stop SIGINT supervisor; ! 5725 stop SIGTERM supervisor
an injected TERM that the child ignores | ${ignoring} | ${sidekiqKilled}; ! 3000 signal SIGTERM sidekiq #20; -sidekiq TERM drained; sidekiq 3001 TERM; sidekiq +5 TERM
an injected INT, which the child ignores | | ! 3000 signal SIGINT sidekiq #20
a TERM to a start script | sidekiq.wrapper=script | no stop; ! 5000 signal SIGTERM sidekiq #30; ${unasked}; ${started}; sidekiq 5020 TERM; sidekiq 5080 drained 0; puma 5010 TERM; puma 5070 drained 0; end 143; ends 5160; outcome sidekiq was killed by SIGTERM
a KILL of the work behind a start script | sidekiq.wrapper=script | no stop; ! 5000 kill wrapped #20; ${unasked}; ${started}; sidekiq#30 5004 crash 137; puma 5010 TERM; puma 5070 drained 0; end 137; ends 5160; outcome sidekiq exited with code 137
an outcome after half a line | | raw puma half of a line~
half a line with its prefix, and the rest of it | hasPrefix | ${half}; line puma half of a line and the rest
a flood up to the stop | ${flooding} | flood 5 4 3
dropped lines that are reported | ${flooding} | flood 5 dropped:3 1
the last line of a flood, cut | ${flooding} | flood 5; line puma line 4 ...
a flood of a child that was restarted | memory=emergency ${flooding} puma.grows=self | ${pumaFails}; flood 5 4 5 4 3
a line skipped by a handler for TERM | ${flooding} puma.onTerm=ignore | ! 3000 signal SIGTERM puma #10; puma 3001 TERM; flood 5 4 2
a flood without a prefix | puma.lines=5 | raw puma line 5 ...~
half a line that the reader did not wait for | hasPrefix | ${half}; ! 1310 stall-reader
`;

/** The same for runs with the real puma, sidekiq and Redis, of which the clean stop takes 1 s. Events: `job-ID`, `request-ID` or `exit-sidekiq`. */
const sidekiqKilledBy = 'no stop; ! +0 kill sidekiq; end 137; outcome sidekiq exited';
const brokenPipe = 'no stop; ! +0 close-reader; reader closed; ends +400; end 141; outcome puma exited';
const pumaSignaled = '! -3000 signal SIGTERM puma gone:-950';
const rejected = 'request r -2500 -2400';
const sidekiqSignaled = 'job a 2000; job-a -3100 started; end 1; outcome sidekiq exited';
const each = (values: readonly (number | string)[], row: (value: number | string) => string): string =>
  values.map(row).join('\n');

const REAL_VIOLATIONS = `
another exit code, a warning of Node, a file, and old and young processes left | | end 3; warning leaks; file x.ready; left 7 2000; left 8 -50 | ^leaks$ & ^exit code 3 & ^x.ready was left$ & ^process 7 was left$ & ^process 8 was left$
137 though nothing was killed | | end 137 | ^exit code 137
longer than the stop timeout | | ends +8150 | ^8150 ms from the cause to the end
no outcome | | no outcome | ^the last line is no outcome
another code in the last line | | code 1 | ^the last line tells code 1, not 0
a child as the cause | | outcome puma exited | ^the last line tells another cause
another signal as the cause | | outcome SIGINT | ^the last line tells another cause
no cause | | no stop | ^the dyno ended without a known cause$
a KILL that no fault sent | | end SIGKILL | no fault sent it$
an orphan of a killed supervisor | | ${supervisorKilled}; left 7 -500 | ^process 7 was left$
an orphan on a late machine | | ${supervisorKilled}; left 7 -800; lag 1500 | ^process 7 was left$
a killed puma that is not told | | no stop; ! +0 kill puma | ^exit code 0 & another cause
a crashed sidekiq that is not told | | exit-sidekiq -1000 code1 | ^exit code 0 & another cause
a single puma that SIGPIPE ends | | ${brokenPipe} | without a known cause
a puma with a prefix that SIGPIPE ends | hasCluster hasPrefix | ${brokenPipe} | without a known cause
SIGPIPE where the reader stalls | hasCluster | ${brokenPipe}; no stop; ! +0 stall-reader | without a known cause
an exit 1.5 s before the TERM | | ! -3000 signal SIGTERM puma gone:-1500 | ^exit code 0 & another cause
a TERM after a second INT | | ! -3000 signal SIGTERM puma gone:-950; ! -900 stop SIGINT supervisor; ! -300 stop SIGINT supervisor | another cause
a HUP to sidekiq, which dies of it | | ! -3000 signal SIGHUP sidekiq gone:-900 | ^exit code 0 & another cause
${each([0, 137, 64, 70, 75, 78, 126, 127], (code) => `sidekiq dies of a HUP to all with ${code} | | no stop; ! +0 stop SIGHUP all; end ${code}; outcome sidekiq exited | ^exit code ${code}, expected`)}
${each([1, 129], (code) => `a stop by a HUP to all with ${code} | | no stop; ! +0 stop SIGHUP all; end ${code}; outcome SIGHUP | ^exit code ${code}, expected`)}
a stop by an INT to all with 137 | | no stop; ! +0 stop SIGINT all; end 137; outcome SIGINT | ^exit code 137, expected 0$
${each([0, 3, 137], (code) => `sidekiq exits after a TERM with ${code} | | no stop; ! -3000 signal SIGTERM sidekiq gone:+0; end ${code}; outcome sidekiq exited | ^exit code ${code}, expected`)}
a TERM that sidekiq outlives | | no stop; ! -3000 signal SIGTERM sidekiq; end 1; outcome sidekiq exited | without a known cause
a job that never started, and one that did | | job a 2000; job b 2000; job-b -100 started | ^job a is lost: it never started$ & ^job b is lost: started
a job enqueued after a restart of Redis | | job a 2000; ! 1000 restart-redis | ^job a is lost
a job started before a restart of Redis | | job a 2000; job-a 2005 started; ! 2010 restart-redis | ^job a is lost
more jobs lost than sidekiq has threads | | ${sidekiqKilledBy}; ${each(['a', 'b', 'c', 'd'], (id) => `job ${id} 2000; job-${id} -100 started`).replaceAll('\n', '; ')} | ^4 jobs are lost, and only 3
a job lost, and Redis was back in time | | job a 2000; job-a -100 started; ! -5000 restart-redis until:-3900 | ^job a is lost
jobs that finished twice, finished and wait, wait twice | | job a 2000; job-a 3000 started; job-a 4000 finished; job-a 5000 started; job-a 6000 finished; job b 2000; job-b 3000 started; job-b 4000 finished; waits b; job c 2000; waits c; waits c | a was done 2 times & b was done 1 times and waits 1 & c was done 0 times and waits 2
a job lost after a TERM to sidekiq | | ${sidekiqSignaled}; no stop; ! -3000 signal SIGTERM sidekiq gone:+0 | ^job a is lost
a job finished long before it is put back | | ${sidekiqSignaled}; no stop; ! -3000 signal SIGTERM sidekiq gone:+0; job-a -2000 finished; waits a | done 1 times and waits 1
503 before the stop, 502 early in it, a wrong body, a request without end | | request r -200 6000 503; request s -200 +400 502; request t -200 +400 200 wrong; request u -200 +400 timeout | got 503 & got 502 & got 200, a wrong body & neither answered nor cut off
503 without a router | hasRouter=false | request r -200 +400 503 | got 503
502 after a TERM to sidekiq | | ! -3000 signal SIGTERM sidekiq; ${rejected} 502 | got 502
503 in a restart of puma | | ! -3000 signal SIGUSR2 supervisor; ${rejected} 503 | got 503
502 after a TTIN | | ! -3000 signal SIGTTIN supervisor; ${rejected} 502 | got 502
a request in flight that is cut, and a response | | request r -200 +400 connection-failed; request-r -150 started; request s -200 +400 connection-failed; request-s +300 responded | ^request r was started in the app & ^request s was responded in the app
`;

const REAL_NO_VIOLATIONS = `
a clean stop
the whole stop timeout | | ends +8050
a killed supervisor | | ${supervisorKilled}
a TERM before the supervisor's first line | | no stop; ! 1100 stop SIGTERM supervisor; end SIGTERM; no outcome
a start under way when the supervisor is killed | | ${supervisorKilled}; left 7 -50
a killed puma | | no stop; ! +0 kill puma; end 137; outcome puma exited
a crashed sidekiq | | exit-sidekiq -1000 code1; end 1; outcome sidekiq exited
a cluster that SIGPIPE ends, and a rejection | hasCluster | ${brokenPipe}; request r -200 +400 503
Rails that SIGPIPE ends | isRails | ${brokenPipe}
${each([900, 1010], (ms) => `an exit ${ms} ms before the TERM | | ! -3000 signal SIGTERM puma gone:-${ms}`)}
an exit before an INT and a TERM | | ${pumaSignaled}; ! -900 stop SIGINT supervisor
an exit before two INTs, the second a copy, and a TERM | | ${pumaSignaled}; ! -900 stop SIGINT supervisor; ! -860 stop SIGINT supervisor
an exit before two INTs, the second perhaps a copy, and a TERM | | ${pumaSignaled}; ! -900 stop SIGINT supervisor; ! -410 stop SIGINT supervisor
an exit before two INTs so late that the TERM comes before the second counts | | ${pumaSignaled}; ! -500 stop SIGINT supervisor; ! -30 stop SIGINT supervisor
a HUP to puma | | ! -3000 signal SIGHUP puma gone:-900
${each([1, 129], (code) => `sidekiq dies of a HUP to all with ${code} | | no stop; ! +0 stop SIGHUP all; end ${code}; outcome sidekiq exited`)}
${each([0, 137], (code) => `a stop by a HUP to all with ${code} | | no stop; ! +0 stop SIGHUP all; end ${code}; outcome SIGHUP`)}
a stop by an INT to all | | no stop; ! +0 stop SIGINT all; outcome SIGINT
${each([1, 143], (code) => `sidekiq exits after a TERM with ${code} | | no stop; ! -3000 signal SIGTERM sidekiq gone:+0; end ${code}; outcome sidekiq exited`)}
an INT that puma outlives | | ! -3000 signal SIGINT puma
a job that finished, and one that was put back | | job a 2000; job-a 3000 started; job-a 4000 finished; job b 2000; job-b -100 started; waits b
a job that Redis may have lost | | job a 2000; ! 2010 restart-redis
jobs in progress, or just interrupted, at a KILL | | ${sidekiqKilledBy}; job a 2000; job-a -100 started; job b 2000; job-b -100 started; job-b -10 interrupted
a job that Redis did not take back | | job a 2000; job-a -100 started; ! +2500 restart-redis until:+3600
a job that finishes when it is put back | | job a 2000; job-a +0 started; job-a +3000 finished; waits a
a job put back after a TERM to sidekiq | | ${sidekiqSignaled}; no stop; ! -3000 signal SIGTERM sidekiq gone:+0; waits a
a job lost after a HUP to sidekiq | | ${sidekiqSignaled}; no stop; ! -3000 signal SIGHUP sidekiq gone:+0
a job that finishes when it is put back after a TERM | | ${sidekiqSignaled}; no stop; ! -3000 signal SIGTERM sidekiq gone:+0; job-a -100 finished; waits a
a correct response, a broken connection, 503 in the stop, 502 after the TERM of puma | | request r -200 +400 200; request s -200 +400 connection-failed; request t -200 +400 503; request u -200 +3000 502
502 after a TERM to puma | | ! -3000 signal SIGTERM puma; ${rejected} 502
502 in a restart of puma | | ! -3000 signal SIGUSR2 supervisor; ${rejected} 502
a request that is cut after too long | | request r -200 +400 connection-failed 12000; request-r -150 started
a request that is cut by a KILL of puma | | request r -200 +400 connection-failed; request-r -150 started; ! +100 kill puma
`;

/** upMs: for how long streaming was ready before it crashed. */
function fallsOfStreaming(...upMs: number[]): string {
  const events = upMs.map((ms, index) => {
    const [process, atMs] = [`streaming#${30 + index}`, 2000 + 900 * index];
    return `${process} ${atMs} start; ${process} ${atMs} ready; ${process} ${atMs + ms} crash SIGSEGV`;
  });
  const endMs = 2000 + 900 * (upMs.length - 1) + (upMs.at(-1) ?? 0);
  const stop = ['puma', 'sidekiq'].map((child) => `${child} ${endMs + 20} TERM; ${child} ${endMs + 80} drained 0`);
  const outcome = `end 139; ends ${endMs + 100}; outcome streaming was killed by SIGSEGV`;
  return ['no stop', unasked, 'no request', ...events, ...stop, outcome].join('; ');
}

test.each([
  ['every violation is found, and no other', VIOLATIONS],
  ['what docs/termination.md allows, and what cannot be known, is no violation', NO_VIOLATIONS],
])('%s', (_, table) =>
  expectViolations(table, (scenario, changes) => check(scenarioOf(SCENARIO, scenario), historyOf(changes))),
);

test.each([
  ['every violation with the real puma and sidekiq is found, and no other', REAL_VIOLATIONS],
  ['what cannot be asked of the real puma and sidekiq is no violation', REAL_NO_VIOLATIONS],
])('%s', (_, table) =>
  expectViolations(table, (scenario, changes) =>
    checkReal(scenarioOf(REAL_SCENARIO, scenario), realHistoryOf(changes)),
  ),
);

function expectViolations(table: string, find: (scenario: string, changes: string) => string[]): void {
  for (const row of table.trim().split('\n')) {
    const [name = '', scenario = '', changes = '', expected = ''] = row.split(/ ?\| ?/);
    const violations = expected.split(' & ').filter(Boolean);
    expect
      .soft(find(scenario, changes), name)
      .toEqual(violations.map((violation): unknown => expect.stringMatching(violation)));
  }
}

const BEHAVIOR: Behavior = {
  ...{ startupMs: 0, onTerm: { kind: 'exit', code: 0, afterMs: 50 }, crash: null, daemon: null },
  ...{ wrapper: null, lines: 0, midLinePause: null, grows: null },
};
const SCENARIO: Scenario = {
  ...{ role: 'web', hasSidekiq: true, hasRouter: true, streaming: 'none', sidekiqWaits: false, hasPrefix: false },
  ...{ stdout: 'pipe', tmp: 'writable', memory: 'off', isCpuBusy: false, misconfiguration: null, faults: [] },
  behaviors: { puma: BEHAVIOR, sidekiq: BEHAVIOR, streaming: BEHAVIOR },
};
const REAL_SCENARIO: RealScenario = {
  ...{ role: 'web', hasSidekiq: true, hasRouter: true, isRails: false, hasCluster: false, sidekiqWaits: false },
  ...{ hasPrefix: false, isCpuBusy: false, faults: [] },
  ...{ jobs: { everyMs: 100, kinds: [] }, requests: { everyMs: 60, kinds: [] } },
};

/** `memory=act`, `hasPrefix`, `sidekiq.onTerm=ignore`. */
function scenarioOf<S extends Scenario | RealScenario>(base: S, words: string): S {
  const scenario = structuredClone(base) as { [name: string]: unknown; behaviors: { [child: string]: object } };
  for (const word of words.split(' ').filter(Boolean)) {
    const [name = '', value = 'true'] = word.split('=');
    const [child = '', property = ''] = name.split('.');
    const [kind, afterMs = '0'] = value.split(':');
    const isObject = ['onTerm', 'daemon', 'grows'].includes(property);
    const plain = /^(true|false|\d+)$/.test(value) ? (JSON.parse(value) as unknown) : value;
    const set = isObject ? { kind, code: 0, afterMs: Number(afterMs) } : plain;
    if (property === '') scenario[name] = set;
    else scenario.behaviors[child] = { ...scenario.behaviors[child], [property]: set };
  }
  return scenario as unknown as S;
}

const CLEAN_EVENTS = ['puma', 'sidekiq'].map(
  (name) => `${name} 1300 start; ${name} 1310 ready; ${name} +5 TERM; ${name} +60 drained 0`,
);
const PIDS: { [process: string]: number } = { puma: 10, sidekiq: 20, streaming: 30 };

function historyOf(changes: string): History {
  const { all, ...draft } = draftOf('ends +100', 'request echo 3000 200', ...CLEAN_EVENTS, changes);
  const requests = all('request').map(([request, time = '', result = '', flaw = '']) => {
    const response = { status: Number(result), isComplete: flaw !== 'cut', isCorrect: result === '200' && flaw === '' };
    return { request, id: 'x', sentAtMs: timeOf(time), endedAtMs: 0, result: /^\d/.test(result) ? response : result };
  });
  const processesLeft = all('left').map(([pid]) => ({ pid: Number(pid), command: 'ruby' }));
  return { ...draft, requests, processesLeft } as unknown as History;
}

function realHistoryOf(changes: string): RealHistory {
  const { all, ...draft } = draftOf('ends +1000', changes);
  const events = draft.events.map(({ process, pid, atMs, event }) => {
    const [kind, id] = process.split('-');
    return { kind, id, event, pid, atMs };
  });
  const requests = all('request').map(([id, sent = '', ended = '', result = '', flaw = '500']) => {
    const response = { status: Number(result), isCorrect: result === '200' && flaw !== 'wrong' };
    const times = { durationMs: Number(flaw) || 500, sentAtMs: timeOf(sent), endedAtMs: timeOf(ended) };
    return { id, ...times, result: /^\d/.test(result) ? response : result };
  });
  const jobs = all('job').map(([id, time = '']) => ({ id, atMs: timeOf(time) }));
  const processesLeft = all('left').map(([command, time = '']) => ({ command, startedAtMs: timeOf(time) }));
  const log = parseLog(draft.output);
  const waitingJobs = all('waits').flat();
  return { ...draft, events, requests, jobs, processesLeft, log, waitingJobs } as unknown as RealHistory;
}

function timeOf(text: string): number {
  return /^[+-]/.test(text) ? 7000 + Number(text) : Number(text);
}

/** What both kinds of histories have. all: the words of each change with this name, after the last `no NAME`. */
function draftOf(...texts: string[]) {
  const defaults = ['! +0 stop SIGTERM supervisor', 'end 0', 'outcome SIGTERM', 'reader reading'];
  const changes = [...defaults, ...texts.flatMap((text) => text.split('; '))].map((change) => change.split(' '));
  const all = (name: string, reset = name): string[][] => {
    const from = changes.findLastIndex(([first, second]) => first === 'no' && second === reset);
    return changes.flatMap(([first, ...words], index) => (first === name && index > from ? [words] : []));
  };
  const last = (name: string): string => all(name).at(-1)?.join(' ') ?? '';
  const code = /^SIG/.test(last('end')) ? null : Number(last('end'));
  const printed = changes.flatMap(([name = '', ...words]) => PRINTERS[name]?.(words) ?? []);
  const lines = printed.map((line) => (line.endsWith('~') ? line.slice(0, -1) : `${line}\n`));
  return {
    all,
    ...{ startedAtMs: 1000, endedAtMs: timeOf(last('ends')), lagMs: Number(last('lag')) },
    end: { code, signal: code === null ? last('end') : null },
    injected: inOrder(all('!', 'stop').map(faultOf)),
    events: inOrder(changes.reduce<readonly ChildEvent[]>(withEvent, [])),
    output: [
      ...lines,
      ...all('outcome')
        .slice(-1)
        .map((cause) => outcomeLine(cause, code, last)),
    ].join(''),
    ...{ stderr: last('stderr'), reader: last('reader') },
    ...{ nodeWarnings: all('warning').flat(), filesLeft: all('file').flat() },
  };
}

/** words: a signal, `memory`, or a child and what became of it. */
function outcomeLine(words: string[], endCode: number | null, last: (name: string) => string): string {
  const [name = ''] = words;
  const isSignal = name.startsWith('SIG');
  const cause = isSignal ? 'signal' : name === 'memory' ? 'memory' : 'child-exited';
  const text = isSignal ? `asked to stop by ${name}` : words.join(' ');
  const killed = last('killed') === '' ? '' : `; ${last('killed')} had to be killed`;
  const code = last('code') === '' ? endCode : Number(last('code'));
  const msg = `${text}${killed}; exit code ${last('says') || String(code)}`;
  return `${JSON.stringify({ level: 30, event: 'outcome', cause, signal: name, child: name, code, msg })}\n`;
}

function inOrder<T extends { atMs: number }>(all: readonly T[]): T[] {
  return [...all].sort((one, other) => one.atMs - other.atMs);
}

/** Changes that print lines; one that ends with `~` is cut there. */
const PRINTERS: { [name: string]: (words: readonly string[]) => string[] } = {
  raw: (words) => [words.join(' ')],
  line: (words) => [`${words.slice(0, 1).join()} | ${words.join(' ')}`],
  unread: () => Array<string>(400).fill('x'.repeat(99)),
  event: ([event, ...words]) => [JSON.stringify({ level: 30, event, ...fieldsOf(words.join(' ')) })],
  flood: (words) => words.map(floodLine),
};
const OTHER_CHANGES = '! no end ends lag left file warning reader stderr request job waits outcome killed code says';

function withEvent(events: readonly ChildEvent[], [name = '', ...words]: readonly string[]): readonly ChildEvent[] {
  if (name in PRINTERS || OTHER_CHANGES.split(' ').includes(name) || name === '') return events;
  const isRemoved = ({ process, event }: ChildEvent): boolean =>
    process === name.slice(1) && (words.length === 0 || words.some((word) => event.startsWith(word)));
  if (name.startsWith('-')) return events.filter((event) => !isRemoved(event));
  const [process = '', pid] = name.split('#');
  const [time = '', ...event] = words;
  if (Number.isNaN(timeOf(time))) throw new Error(`unknown change: ${name}`);
  return [...events, { process, pid: Number(pid ?? PIDS[process] ?? 40), atMs: timeOf(time), event: event.join(' ') }];
}

/** `NAME=VALUE NAME=VALUE`; a value may contain spaces. */
function fieldsOf(text: string): { [name: string]: string } {
  const fields = [...text.matchAll(/(\w+)=(.+?)(?= \w+=|$)/g)];
  return Object.fromEntries(fields.map(([, name = '', value = '']) => [name, value] as const));
}

function floodLine(word: string): string {
  const dropped = /^dropped:(\d+)$/.exec(word)?.[1];
  if (dropped === undefined) return `puma | puma line ${word} ${'.'.repeat(60)}`;
  return `mstdn-supervise: ${dropped} log lines were dropped here, because they were not read`;
}

/** `TIME TYPE [SIGNAL] [TARGET] [#PID] [gone:TIME] [until:TIME]`. */
function faultOf([time = '', type = '', ...words]: readonly string[]) {
  const find = (pattern: RegExp): string[] => words.flatMap((word) => pattern.exec(word)?.[1] ?? []);
  const [[gone], [until = `${timeOf(time) + 1}`]] = [find(/^gone:(.+)/), find(/^until:(.+)/)];
  const fault = { type, signal: find(/^(SIG\w+)$/)[0], target: find(/^([a-z-]+)$/)[0] };
  const exitedAtMs = gone === undefined ? null : timeOf(gone);
  return { atMs: timeOf(time), untilMs: timeOf(until), exitedAtMs, fault, pids: find(/^#(\d+)$/).map(Number) };
}
