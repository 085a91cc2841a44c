/** One letter of an id, and how often it may stand there. */
const ATOM =
  /(\\d|\[(?:[A-Za-z0-9._:/#-]|\\d)+\]|[A-Za-z0-9_:/#-]|\\\.|\\-)(\{\d{1,2}(?:,\d{0,2})?\}|[?+*])?/y;
export const MOST_REPETITIONS = 4;
export const MOST_CHARACTERS = 200;

type Atom = { letters: ReadonlySet<string>; least: number; most: number };

/** All that a letter of an id may be. */
const LETTERS = [...Array(94).keys()].map((nth) => String.fromCharCode(33 + nth));

/**
 * A pattern of an id, from ^ to $, without groups and alternatives. Undefined of any other, and of one whose bounds are the wrong way
 * round: `[z-a]`, `{5,2}`. What it gives looks at each place of a text once for each letter of the pattern, where an
 * expression of JavaScript would try all ways to share the text out among its repetitions.
 */
export function patternOf(pattern: string): ((text: string) => boolean) | undefined {
  if (pattern.length > MOST_CHARACTERS || !/^\^.+\$$/.test(pattern)) return undefined;
  const body = pattern.slice(1, -1);
  const atoms: Atom[] = [];
  ATOM.lastIndex = 0;
  for (let end = 0; end < body.length; end = ATOM.lastIndex) {
    const [, letter, times] = ATOM.exec(body) ?? [];
    const atom = letter === undefined ? undefined : atomOf(letter, times);
    if (!atom) return undefined;
    atoms.push(atom);
  }
  const repetitions = atoms.filter(({ least, most }) => least !== 1 || most !== 1).length;
  if (repetitions > MOST_REPETITIONS) return undefined;
  return (text) =>
    atoms.reduce((places, atom) => behind(atom, text, places), [true])[text.length] === true;
}

function atomOf(letter: string, times: string | undefined): Atom | undefined {
  const [least, most] = boundsOf(times);
  if (most < least) return undefined;
  try {
    const known = new RegExp(`^${letter}$`);
    return { letters: new Set(LETTERS.filter((one) => known.test(one))), least, most };
  } catch {
    return undefined;
  }
}

function boundsOf(times = '{1}'): [number, number] {
  if (times === '?') return [0, 1];
  if (times === '*') return [0, Number.POSITIVE_INFINITY];
  if (times === '+') return [1, Number.POSITIVE_INFINITY];
  const [least = '', most = least] = times.slice(1, -1).split(',');
  return [Number(least), most === '' ? Number.POSITIVE_INFINITY : Number(most)];
}

/** The places of a text that are reached from some by the letter, as often as it may come. */
function behind({ letters, least, most }: Atom, text: string, places: readonly boolean[]) {
  const reached: boolean[] = Array(text.length + 1).fill(false);
  let run = 0; // so often it comes from here on
  for (let place = text.length; place >= 0; place -= 1) {
    run = letters.has(text.charAt(place)) ? run + 1 : 0;
    if (places[place]) reached.fill(true, place + least, place + Math.min(run, most) + 1);
  }
  return reached;
}
