import { HowdahError } from '../../../contracts/errors.ts';
import { isJsonObject } from '../../../json/json.ts';
import { explainFailure } from '../../errors/database-errors.ts';
import { RequestRefusal, refuseBoth } from '../../errors/request-refusal.ts';
import type { ProviderConfig } from './provider-configs.ts';

/** Members of a configuration that are set. */
export type SetConfig = { [Name in keyof ProviderConfig]: NonNullable<ProviderConfig[Name]> };

/** Two names of the same member. A value that is sent replaces the stored value of either name. */
const ADDRESS = ['api_url', 'url'] as const;
/** Members that only configurations for speech have. */
const SPEECH_MEMBERS = ['voice_id', 'sample_rate'] as const;

/**
 * Returns the configuration to write: the members that were sent over the stored members. Throws
 * `HWINV` for a member that an `llm` does not have, or a member that is sent under two names.
 */
export function mergeConfig(
  purpose: 'llm' | 'tts' | 'stt',
  sent: ProviderConfig,
  stored: ProviderConfig | null,
): SetConfig {
  const fieldOf = (member: string) => `${purpose}_provider_config.${member}`;
  const { path, ...rest } = sent;
  const isPath = purpose === 'llm' && path !== undefined;
  const renamed: ProviderConfig = isPath ? { completions_path: path, ...rest } : sent;
  const sentMembers = Object.fromEntries(
    Object.entries(sent).map(([member, value]) => [fieldOf(member), value ?? undefined]),
  );
  if (sent.url !== sent.api_url) refuseBoth(sentMembers, fieldOf('url'), [fieldOf('api_url')]);
  if (isPath) refuseBoth(sentMembers, fieldOf('path'), [fieldOf('completions_path')]);
  const speechMember =
    purpose === 'llm' ? SPEECH_MEMBERS.find((member) => sent[member] != null) : undefined;
  if (speechMember !== undefined) {
    throw new RequestRefusal(
      400,
      `${fieldOf(speechMember)}: not allowed for a model that answers in text`,
      {
        hint: 'Set it in tts_provider_config or stt_provider_config.',
        detail: { field: fieldOf(speechMember) },
      },
    );
  }
  const isAddressed = ADDRESS.some((member) => sent[member] !== undefined);
  const before = Object.entries(stored ?? {}).filter(
    ([member]) => !isAddressed || !ADDRESS.some((address) => address === member),
  );
  const all = Object.entries({ ...Object.fromEntries(before), ...renamed });
  return Object.fromEntries(all.filter(([, value]) => value != null)) as SetConfig;
}

/** Returns an error of the database about `base_url` as an error about the field that was sent. */
export function withAliases(error: unknown, field: string): unknown {
  const failure = explainFailure(error);
  const { detail = {}, code = '', hint } = failure?.extensions ?? {};
  if (!failure || !isJsonObject(detail)) return error;
  const { fields } = detail;
  const isAddress =
    detail.field === 'base_url' || (Array.isArray(fields) && fields[0] === 'base_url');
  if (!isAddress) return error;
  const [member = field] = field.split('.').slice(-1);
  return new HowdahError(code, failure.message.replace('base_url', field), {
    ...(hint !== undefined && { hint: hint.replace('base_url', member) }),
    detail: { ...detail, field },
  });
}
