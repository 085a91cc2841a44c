import { HowdahError } from '../../../contracts/errors.ts';
import { isJsonObject } from '../../../json/json.ts';
import { explainFailure } from '../../errors/database-errors.ts';
import { RequestRefusal, refuseBoth } from '../../errors/request-refusal.ts';
import type { ProviderConfig } from './provider-configs.ts';

/** Members of a configuration that are set. */
export type SetConfig = { [Name in keyof ProviderConfig]: NonNullable<ProviderConfig[Name]> };

/** Words for the same member; of those that stand there before, what is sent replaces either. */
const ADDRESS = ['api_url', 'url'] as const;
/** What only speech has. */
const SPOKEN = ['voice_id', 'sample_rate'] as const;

/** A configuration as it is to be: what was sent over what is there. Throws `HWINV` for what says nothing, or twice. */
export function wantedOf(
  purpose: 'llm' | 'tts' | 'stt',
  sent: ProviderConfig,
  there: ProviderConfig | null,
): SetConfig {
  const named = (member: string) => `${purpose}_provider_config.${member}`;
  const { path, ...rest } = sent;
  const isPath = purpose === 'llm' && path !== undefined;
  const given: ProviderConfig = isPath ? { completions_path: path, ...rest } : sent;
  const said = Object.fromEntries(
    Object.entries(sent).map(([member, value]) => [named(member), value ?? undefined]),
  );
  if (sent.url !== sent.api_url) refuseBoth(said, named('url'), [named('api_url')]);
  if (isPath) refuseBoth(said, named('path'), [named('completions_path')]);
  const unspoken = purpose === 'llm' ? SPOKEN.find((member) => sent[member] != null) : undefined;
  if (unspoken !== undefined) {
    throw new RequestRefusal(400, `${named(unspoken)}: a model that answers in text has none`, {
      hint: 'It belongs into tts_provider_config or stt_provider_config.',
      detail: { field: named(unspoken) },
    });
  }
  const isAddressed = ADDRESS.some((member) => sent[member] !== undefined);
  const before = Object.entries(there ?? {}).filter(
    ([member]) => !isAddressed || !ADDRESS.some((address) => address === member),
  );
  const all = Object.entries({ ...Object.fromEntries(before), ...given });
  return Object.fromEntries(all.filter(([, value]) => value != null)) as SetConfig;
}

/** What the database says of `base_url`, said of the field that was sent. */
export function withAliases(error: unknown, field: string): unknown {
  const told = explainFailure(error);
  const { detail = {}, code = '', hint } = told?.extensions ?? {};
  if (!told || !isJsonObject(detail)) return error;
  const { fields } = detail;
  const isAddress =
    detail.field === 'base_url' || (Array.isArray(fields) && fields[0] === 'base_url');
  if (!isAddress) return error;
  const [member = field] = field.split('.').slice(-1);
  return new HowdahError(code, told.message.replace('base_url', field), {
    ...(hint !== undefined && { hint: hint.replace('base_url', member) }),
    detail: { ...detail, field },
  });
}
