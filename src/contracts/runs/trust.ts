import { enumLabels } from '../enum-labels.generated.ts';

/**
 * The trust levels for the origin of a text, highest first, as in `howdah.trust`. A text of the
 * level `external` may say anything.
 */
export const TRUSTS = enumLabels.trust;
export type Trust = (typeof TRUSTS)[number];

/** Returns the lowest trust level. A missing level is ignored. */
export function lowestTrust(first: Trust, ...others: (Trust | null | undefined)[]): Trust {
  return others.reduce<Trust>(
    (lowest, one) => (one && TRUSTS.indexOf(one) > TRUSTS.indexOf(lowest) ? one : lowest),
    first,
  );
}

/**
 * Returns whether texts of the level `trust` are trusted as far as texts of the level `as`, or
 * further. What was decided for `as` then applies to `trust`.
 */
export function isTrustedAsFar(trust: Trust, as: Trust): boolean {
  return TRUSTS.indexOf(trust) <= TRUSTS.indexOf(as);
}

export function isTrust(word: unknown): word is Trust {
  return TRUSTS.includes(word as Trust);
}
