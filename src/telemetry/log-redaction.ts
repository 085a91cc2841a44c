import { REDACTED, Redaction } from '../redaction/redaction.ts';

/** Most values that are learned while this process runs; the oldest are forgotten. */
const MAX_LEARNED = 1_000;
/**
 * Most values in one group. The values of a group are compiled together, so a new value recompiles
 * a limited number of others.
 */
const MAX_PER_GROUP = 64;

/** Redacts secrets anywhere in lines of the log. */
export type LogRedaction = {
  /** Redacts this value in all later lines. */
  learn(value: string): void;
  clean(line: string): string;
};

type Group = { values: readonly string[]; redaction: Redaction };

/**
 * Creates the redaction of a log. Keys of vendors, tokens behind `Bearer` and passwords in URLs are
 * known by their shape. Any other secret is known by its value: values of the environment always,
 * values of rows from when they are read.
 */
export function createLogRedaction(own: readonly (string | undefined)[]): LogRedaction {
  const fixed = Redaction.of(own.filter((value) => value !== undefined));
  /** Learned values, the least recently read first. */
  const known = new Set<string>();
  let groups: Group[] = [];
  let all = fixed;
  const add = (value: string): void => {
    let values = [value];
    for (let last = groups.at(-1); last && last.values.length === values.length; ) {
      if (values.length * 2 > MAX_PER_GROUP) break;
      values = [...last.values, ...values];
      groups.pop();
      last = groups.at(-1);
    }
    groups.push({ values, redaction: Redaction.of(values) });
  };
  return {
    learn(value) {
      const isKnown = known.delete(value);
      known.add(value);
      if (isKnown) return;
      if (known.size > MAX_LEARNED) {
        groups = [];
        const older = [...known].slice(0, -MAX_LEARNED / 2);
        for (const one of older) known.delete(one);
        for (const one of known) add(one);
      } else add(value);
      all = Redaction.union([fixed, ...groups.map(({ redaction }) => redaction)]);
    },
    clean: (line) =>
      SHAPES.reduce((text, shape) => text.replace(shape, `$1${REDACTED}`), all.text(line)),
  };
}

/** Names of fields that hold a secret. */
const NAMES =
  '[a-z0-9_.-]*(?:api[-_]?key|password|passwd|passphrase|secret|credentials?|authorization|cookie|token|private[-_]?key)';
const PARAMETERS =
  '(?:[a-z0-9_.-]*[-_])?(?:api[-_]?key|(?:access|auth)?token|secret|password|passwd';

/**
 * Shapes of keys and the text before each: the prefixes of vendors, and the places where keys are
 * written. An attacker may write log lines. Each repetition that can start anywhere is bounded, so
 * that no shape backtracks over the same text again and again. A key must be whole, because a log
 * also contains names such as `sk-model`.
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
