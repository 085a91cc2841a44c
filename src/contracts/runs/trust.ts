/** How far the origin of a text is trusted, highest first: as `howdah.trust`. `external` may say anything. */
export const TRUSTS = ['system', 'user', 'internal', 'external'] as const;
export type Trust = (typeof TRUSTS)[number];

/** The lowest of them; what is missing lowers nothing. */
export function lowestTrust(first: Trust, ...others: (Trust | null | undefined)[]): Trust {
  return others.reduce<Trust>(
    (lowest, one) => (one && TRUSTS.indexOf(one) > TRUSTS.indexOf(lowest) ? one : lowest),
    first,
  );
}

/** Whether what was said of texts of one trust holds for texts of another, which are trusted as far or further. */
export function isTrustedAsFar(trust: Trust, as: Trust): boolean {
  return TRUSTS.indexOf(trust) <= TRUSTS.indexOf(as);
}

export function isTrust(word: unknown): word is Trust {
  return TRUSTS.includes(word as Trust);
}
