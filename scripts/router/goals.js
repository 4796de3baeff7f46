// What the figures are meant to be. A goal that is missed is said, and is no failure of the run.

/** `show` makes figures readable; `quartiles`, of the rounds, go with the value where there are some. */
export function atLeast(what, value, bound, show, quartiles) {
  return goal(what, value >= bound, `${shown(value, show, quartiles)}, goal at least ${show(bound)}`);
}

export function atMost(what, value, bound, show, quartiles) {
  return goal(what, value <= bound, `${shown(value, show, quartiles)}, goal at most ${show(bound)}`);
}

function shown(value, show, quartiles) {
  return quartiles ? `${show(value)} (quartiles ${quartiles.map(show).join(' to ')})` : show(value);
}

function goal(what, holds, figures) {
  return { holds, text: `${holds ? 'reached' : 'missed'}: ${what}: ${figures}` };
}
