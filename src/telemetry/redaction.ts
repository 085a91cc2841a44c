import { REDACTED, spellings } from '../contracts/redacted.ts';

/** What is shorter is a word like any other. */
const SHORTEST = 8;
/** Of values that were read while this process runs, the last ones. */
const MOST = 1_000;

/** Takes what is secret out of lines of the log, wherever in them it stands. */
export type Redaction = {
  /** From now on this value is in no line. */
  learn(value: string): void;
  clean(line: string): string;
};

/**
 * Keys have shapes: those of vendors, what stands behind `Bearer`, the password in a URL. What has none is known by its
 * value: those of the environment from the beginning, and those of rows as soon as they are read.
 */
export function createRedaction(values: readonly (string | undefined)[]): Redaction {
  const known = new Map<string, readonly string[]>();
  const learn = (value: string): void => {
    if (value.length < SHORTEST) return;
    known.delete(value); // to the end: the oldest is forgotten
    known.set(value, spellings(value));
    if (known.size > MOST) known.delete(known.keys().next().value as string);
  };
  values.forEach((value) => void (value && learn(value)));
  return {
    learn,
    clean(line) {
      let rest = line;
      for (const all of known.values()) {
        for (const spelling of all) {
          if (rest.includes(spelling)) rest = rest.replaceAll(spelling, REDACTED);
        }
      }
      return SHAPES.reduce((text, shape) => text.replace(shape, `$1${REDACTED}`), rest);
    },
  };
}

/** How fields are named that hold one. */
const NAMES =
  '[a-z0-9_.-]*(?:api[-_]?key|password|passwd|passphrase|secret|credentials?|authorization|cookie|token|private[-_]?key)';
const PARAMETERS =
  '(?:[a-z0-9_.-]*[-_])?(?:api[-_]?key|(?:access|auth)?token|secret|password|passwd';

/**
 * What comes before a key, and the key: by the shapes vendors give theirs, and by where it stands. A stranger may write lines: no
 * shape may look again and again at the same text, so what begins anywhere has a length.
 */
const SHAPES = [
  /(\b(?:Bearer|Basic) )[A-Za-z0-9._~+/=-]{8,}/g,
  /(\b(?:bearer|BEARER) )(?=[A-Za-z._~+/=-]{0,99}[0-9])[A-Za-z0-9._~+/=-]{8,}/g,
  /((?:^|[^A-Za-z0-9_-])(?:sk|rk|pk|gsk|xai|pplx|r8|hf|npm|hwd|gh[opsur]|github_pat|glpat|whsec)[-_])(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_+/=-]{12,}/g,
  /((?:^|[^A-Za-z0-9_-])(?:AIza|ya29\.|AKIA|ASIA|xox[abeprs]-))[A-Za-z0-9_-]{10,}/g,
  /((?:^|[^A-Za-z0-9_-])eyJ)[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+/g,
  // a user and a password, or a key in place of a user
  /([a-z][a-z0-9+.-]{0,30}:\/\/[^/\s:@"]*:)[^/\s"]+(?=@)/g,
  /([a-z][a-z0-9+.-]{0,30}:\/\/)[A-Za-z0-9._~%-]{16,}(?=@)/g,
  new RegExp(`([?&]${PARAMETERS}|key|sig|signature)=)[^&\\s"\\\\]{8,}`, 'gi'),
  new RegExp(`([\\s"';]${PARAMETERS})=)[^&\\s"\\\\]{8,}`, 'gi'),
  /((?:[\s"']|\\n)(?:proxy-authorization|authorization|x-api-key|api-key|cookie|set-cookie): ?)[^\s"\\][^"\\]*/gi,
  // as JSON, and as JSON in a text of it
  new RegExp(`("${NAMES}"\\s*:\\s*")(?:[^"\\\\]|\\\\.)+`, 'gi'),
  new RegExp(`(\\\\{1,7}"${NAMES}\\\\{1,7}"\\s*:\\s*\\\\{1,7}")[^"\\\\]+`, 'gi'),
];
