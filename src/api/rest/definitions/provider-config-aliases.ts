import { HowdahError } from '../../../contracts/errors.ts';
import { isJsonObject } from '../../../json/json.ts';
import { closestNames } from '../../../text/closest-names.ts';
import { explainFailure } from '../../errors/database-errors.ts';
import { refuseBoth } from '../../errors/request-refusal.ts';
import type { ProviderConfig, Purpose } from './provider-configs.ts';

/** Members of a configuration that are set. */
export type SetConfig = { [Name in keyof ProviderConfig]: NonNullable<ProviderConfig[Name]> };

/**
 * Names of the same member, as in `howdah_private.model_in`. A value that is sent replaces the
 * stored value of any of them.
 */
export const SYNONYMS = [
  ['api_url', 'url', 'base_url', 'endpoint'],
  ['model', 'model_id', 'model_name'],
  ['voice_id', 'voice'],
] as const;

/** Members that have a meaning, by purpose. */
const MEMBERS: Readonly<Record<Purpose, ReadonlySet<string>>> = (() => {
  const common = ['provider', 'api_key', ...SYNONYMS[0], ...SYNONYMS[1]];
  const speech = [...common, 'path', 'sample_rate', 'language'];
  return {
    llm: new Set([...common, 'completions_path']),
    tts: new Set([...speech, ...SYNONYMS[2], 'output_format']),
    stt: new Set(speech),
  };
})();

/**
 * Returns the configuration to write: the members that were sent over the stored members. Members
 * without a meaning are left out, and `warnings` names them. Throws `HWINV` for a member that is
 * sent under two names.
 */
export function mergeConfig(
  purpose: Purpose,
  sent: ProviderConfig,
  stored: ProviderConfig | null,
): SetConfig {
  const fieldOf = (member: string) => `${purpose}_provider_config.${member}`;
  refuseSynonyms(purpose, sent, fieldOf);
  const { path, ...rest } = sent;
  const isPath = purpose === 'llm' && path !== undefined;
  const renamed: ProviderConfig = isPath ? { completions_path: path, ...rest } : sent;
  const replaced = new Set(
    SYNONYMS.filter((names) => names.some((name) => sent[name] !== undefined)).flat() as string[],
  );
  const before = Object.entries(stored ?? {}).filter(([member]) => !replaced.has(member));
  const all = Object.entries({ ...Object.fromEntries(before), ...renamed });
  const set = all.filter(([member, value]) => value != null && member !== 'warnings');
  const known = set.filter(([member]) => MEMBERS[purpose].has(member));
  const warnings = set
    .filter(([member]) => !MEMBERS[purpose].has(member))
    .map(([member]) => warningOf(purpose, member));
  return {
    ...Object.fromEntries(known),
    ...(warnings.length > 0 && { warnings }),
  } as SetConfig;
}

/** Throws `HWINV` for a member that is sent under two names with different values. */
function refuseSynonyms(
  purpose: Purpose,
  sent: ProviderConfig,
  fieldOf: (member: string) => string,
): void {
  const members = Object.fromEntries(
    Object.entries(sent).map(([member, value]) => [fieldOf(member), value ?? undefined]),
  );
  for (const names of SYNONYMS) {
    for (const [at, name] of names.entries()) {
      const others = names.slice(0, at).filter((other) => sent[other] !== sent[name]);
      refuseBoth(members, fieldOf(name), others.map(fieldOf));
    }
  }
  if (purpose === 'llm') refuseBoth(members, fieldOf('path'), [fieldOf('completions_path')]);
}

/** Returns the sentence about a member that has no meaning for this purpose. */
function warningOf(purpose: Purpose, member: string): string {
  const others = Object.entries(MEMBERS).flatMap(([other, names]) =>
    names.has(member) ? [`${other}_provider_config`] : [],
  );
  const [near] = closestNames(member, [...MEMBERS[purpose]]);
  const hint =
    others.length > 0
      ? `It belongs in ${others.join(' or ')}.`
      : near === undefined
        ? 'Set parameters of requests in request_params.'
        : `Did you mean ${near}?`;
  return `${member.slice(0, 60)} was not stored, since it has no meaning here. ${hint}`;
}

/** Returns an error of the database about a column as an error about the field that was sent. */
export function withAliases(error: unknown, purpose: Purpose, address: string): unknown {
  const failure = explainFailure(error);
  const { detail = {}, code = '', hint } = failure?.extensions ?? {};
  if (!failure || !isJsonObject(detail)) return error;
  const { fields } = detail;
  const column = detail.field ?? (Array.isArray(fields) ? fields[0] : undefined);
  const member = { base_url: address, provider: 'provider' }[`${column}`];
  if (member === undefined) return error;
  const field = `${purpose}_provider_config.${member}`;
  return new HowdahError(code, failure.message.replace('base_url', field), {
    ...(hint !== undefined && { hint: hint.replace('base_url', member) }),
    detail: { ...detail, field },
  });
}
