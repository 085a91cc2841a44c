/** One class of characters of an id, with its number of repetitions. */
const ATOM =
  /(\\d|\[(?:[A-Za-z0-9._:/#-]|\\d)+\]|[A-Za-z0-9_:/#-]|\\\.|\\-)(\{\d{1,2}(?:,\d{0,2})?\}|[?+*])?/y;
export const MAX_REPETITIONS = 4;
export const MAX_CHARACTERS = 200;

type Atom = { letters: ReadonlySet<string>; least: number; most: number };

/** The characters that an id may contain. */
const LETTERS = [...Array(94).keys()].map((nth) => String.fromCharCode(33 + nth));

/**
 * Compiles the pattern of an id, from ^ to $, without groups and alternatives. Returns undefined
 * for any other pattern, and for reversed bounds: `[z-a]`, `{5,2}`. The result visits each position
 * of a text once for each atom of the pattern. A regular expression would try all ways to divide
 * the text among its repetitions.
 */
export function compilePattern(pattern: string): ((text: string) => boolean) | undefined {
  if (pattern.length > MAX_CHARACTERS || !/^\^.+\$$/.test(pattern)) return undefined;
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
  if (repetitions > MAX_REPETITIONS) return undefined;
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

/** Returns the positions of a text that an atom reaches from given positions. */
function behind({ letters, least, most }: Atom, text: string, places: readonly boolean[]) {
  const reached: boolean[] = Array(text.length + 1).fill(false);
  let run = 0; // the repetitions that are possible from here
  for (let place = text.length; place >= 0; place -= 1) {
    run = letters.has(text.charAt(place)) ? run + 1 : 0;
    if (places[place]) reached.fill(true, place + least, place + Math.min(run, most) + 1);
  }
  return reached;
}
