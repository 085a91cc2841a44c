import type { HowdahError } from '../../contracts/errors.ts';
import type { UsualPurpose } from './usual-models.ts';
import type { ModelValues } from './variables.ts';

/** The purposes whose models no run needs, so that a fault of theirs must not prevent the start. */
export const OTHER_PURPOSES = ['tts', 'stt', 'embedding'] as const satisfies UsualPurpose[];
export type OtherPurpose = (typeof OTHER_PURPOSES)[number];

/** The faults of variables of those purposes, by the name of the variable. */
export type VariableFaults = ReadonlyMap<string, HowdahError>;

/** Returns the purpose that a variable such as `TTS_URL` describes, unless it is `llm` or none. */
export function otherPurposeOf(variable: string): OtherPurpose | undefined {
  return OTHER_PURPOSES.find((purpose) => variable.startsWith(`${purpose.toUpperCase()}_`));
}

/**
 * Returns the values without those of purposes with a fault. The rest of their variables would
 * describe another model: without its URL, a key or a text would go to the vendor.
 */
export function withoutFaulty(values: ModelValues, faults: VariableFaults): ModelValues {
  const purposes = [...faults.keys()].map(otherPurposeOf);
  const entries = Object.entries(values).map(([name, value]) => {
    const purpose = otherPurposeOf(name);
    return [name, purpose !== undefined && purposes.includes(purpose) ? undefined : value];
  });
  return Object.fromEntries(entries) as ModelValues;
}

/** Says why the model of a purpose is left out. */
export function warnLeftOut(
  purpose: string | undefined,
  { message, hint }: Pick<HowdahError, 'message' | 'hint'>,
): string {
  return `The model ${purpose} is left out. ${message} ${hint ?? ''}`.trim();
}
