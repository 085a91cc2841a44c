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

/** What comes before a key, and the key: by the shapes vendors give theirs, and by where it stands. */
const SHAPES = [
  /(\b(?:Bearer|Basic) )[A-Za-z0-9._~+/=-]{8,}/g,
  /((?:^|[^A-Za-z0-9_-])(?:sk|rk|pk|gsk|xai|pplx|r8|hf|npm|hwd|gh[opsur]|github_pat|glpat|whsec)[-_])(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_+/=-]{12,}/g,
  /((?:^|[^A-Za-z0-9_-])(?:AIza|ya29\.|AKIA|ASIA|xox[abeprs]-))[A-Za-z0-9_-]{10,}/g,
  /((?:^|[^A-Za-z0-9_-])eyJ)[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+/g,
  /([a-z][a-z0-9+.-]*:\/\/[^/\s:@"]*:)[^/\s@"]+(?=@)/g,
  /([?&](?:api[-_]?key|key|(?:access|auth)?[-_]?token|sig|signature)=)[^&\s"\\]{8,}/gi,
  /(\\?"(?:[a-z0-9_.-]*[-_])?(?:api[-_]?key|apikey|password|passwd|secret|authorization|cookie|access[-_]?token|refresh[-_]?token|private[-_]?key)\\?"\s*:\s*\\?")[^"\\]+/gi,
] as const;
